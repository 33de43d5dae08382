-- DropIndex
DROP INDEX "ModelVersion_createdAt_idx";

-- DropIndex
DROP INDEX "ModelVersion_runId_idx";

-- DropIndex
DROP INDEX "Prediction_modelVersionId_createdAt_idx";

-- CreateTable
CREATE TABLE "Counter" (
    "name" TEXT NOT NULL,
    "value" INTEGER NOT NULL,

    CONSTRAINT "Counter_pkey" PRIMARY KEY ("name")
);

-- The rows that are there, in the order of their times; versions of one model in the order of their numbers.
ALTER TABLE "CustomArchitecture" ADD COLUMN "seq" INTEGER;
UPDATE "CustomArchitecture" SET "seq" = "ordered"."place"
FROM (SELECT "name", row_number() OVER (ORDER BY "createdAt", "name") AS "place" FROM "CustomArchitecture") AS "ordered"
WHERE "CustomArchitecture"."name" = "ordered"."name";

ALTER TABLE "Model" ADD COLUMN "seq" INTEGER;
UPDATE "Model" SET "seq" = "ordered"."place"
FROM (SELECT "id", row_number() OVER (ORDER BY "createdAt", "id") AS "place" FROM "Model") AS "ordered"
WHERE "Model"."id" = "ordered"."id";

ALTER TABLE "ModelVersion" ADD COLUMN "seq" INTEGER;
UPDATE "ModelVersion" SET "seq" = "ordered"."place"
FROM (
    SELECT "id", row_number() OVER (ORDER BY "latest", "modelId", "version") AS "place"
    FROM (
        SELECT "id", "modelId", "version", max("createdAt") OVER (PARTITION BY "modelId" ORDER BY "version") AS "latest"
        FROM "ModelVersion"
    ) AS "timed"
) AS "ordered"
WHERE "ModelVersion"."id" = "ordered"."id";

ALTER TABLE "Prediction" ADD COLUMN "seq" INTEGER;
UPDATE "Prediction" SET "seq" = "ordered"."place"
FROM (SELECT "id", row_number() OVER (ORDER BY "createdAt", "id") AS "place" FROM "Prediction") AS "ordered"
WHERE "Prediction"."id" = "ordered"."id";

INSERT INTO "Counter" ("name", "value")
SELECT 'CustomArchitecture', coalesce(max("seq"), 0) FROM "CustomArchitecture"
UNION ALL SELECT 'Model', coalesce(max("seq"), 0) FROM "Model"
UNION ALL SELECT 'ModelVersion', coalesce(max("seq"), 0) FROM "ModelVersion"
UNION ALL SELECT 'Prediction', coalesce(max("seq"), 0) FROM "Prediction"
-- The newest run may have been deleted: its number is not given again.
UNION ALL SELECT 'TrainingRun', CASE WHEN "is_called" THEN "last_value" ELSE 0 END FROM "TrainingRun_number_seq";

-- The counter's row stays locked until the transaction ends, so that numbers come in the order of the commits.
CREATE FUNCTION next_number(counter TEXT) RETURNS INTEGER LANGUAGE sql VOLATILE AS $$
    UPDATE public."Counter" SET "value" = "value" + 1 WHERE "name" = counter RETURNING "value"
$$;

-- AlterTable
ALTER TABLE "CustomArchitecture" ALTER COLUMN "seq" SET NOT NULL,
ALTER COLUMN "seq" SET DEFAULT next_number('CustomArchitecture'::text);

-- AlterTable
ALTER TABLE "Model" ALTER COLUMN "seq" SET NOT NULL,
ALTER COLUMN "seq" SET DEFAULT next_number('Model'::text);

-- AlterTable
ALTER TABLE "ModelVersion" ALTER COLUMN "seq" SET NOT NULL,
ALTER COLUMN "seq" SET DEFAULT next_number('ModelVersion'::text);

-- AlterTable
ALTER TABLE "Prediction" ALTER COLUMN "seq" SET NOT NULL,
ALTER COLUMN "seq" SET DEFAULT next_number('Prediction'::text);

-- AlterTable
ALTER TABLE "TrainingRun" ALTER COLUMN "number" SET DEFAULT next_number('TrainingRun'::text);
DROP SEQUENCE "TrainingRun_number_seq";

-- CreateIndex
CREATE UNIQUE INDEX "CustomArchitecture_seq_key" ON "CustomArchitecture"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "Model_seq_key" ON "Model"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "ModelVersion_seq_key" ON "ModelVersion"("seq");

-- CreateIndex
CREATE INDEX "ModelVersion_runId_seq_idx" ON "ModelVersion"("runId", "seq");

-- CreateIndex
CREATE UNIQUE INDEX "Prediction_seq_key" ON "Prediction"("seq");

-- CreateIndex
CREATE INDEX "Prediction_modelVersionId_seq_idx" ON "Prediction"("modelVersionId", "seq");

-- CreateIndex
CREATE INDEX "TrainingRun_architecture_number_idx" ON "TrainingRun"("architecture", "number");
