-- AlterTable
ALTER TABLE "EpochSummary" ADD COLUMN     "step" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "LossBucket" (
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "level" INTEGER NOT NULL,
    "bucket" INTEGER NOT NULL,
    "count" INTEGER NOT NULL,
    "min" DOUBLE PRECISION,
    "minStep" INTEGER,
    "max" DOUBLE PRECISION,
    "maxStep" INTEGER,
    "last" INTEGER NOT NULL,
    "nonFinite" INTEGER,

    CONSTRAINT "LossBucket_pkey" PRIMARY KEY ("runId","level","attempt","bucket")
);

-- AddForeignKey
ALTER TABLE "LossBucket" ADD CONSTRAINT "LossBucket_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The buckets of the points that are there already.
INSERT INTO "LossBucket" ("runId", "attempt", "level", "bucket", "count", "min", "minStep", "max", "maxStep", "last", "nonFinite")
SELECT "runId", "attempt", "level", ("step" - 1) >> "level", count(*),
    min("loss"), (array_agg("step" ORDER BY "loss", "step") FILTER (WHERE "loss" IS NOT NULL))[1],
    max("loss"), (array_agg("step" ORDER BY "loss" DESC, "step") FILTER (WHERE "loss" IS NOT NULL))[1],
    max("step"), min("step") FILTER (WHERE "loss" IS NULL)
FROM "LossPoint" CROSS JOIN (VALUES (6), (10), (14), (18), (22), (26)) AS "levels" ("level")
GROUP BY "runId", "attempt", "level", ("step" - 1) >> "level";
