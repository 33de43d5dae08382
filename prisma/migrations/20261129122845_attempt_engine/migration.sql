-- AlterTable
ALTER TABLE "RunAttempt" ADD COLUMN     "engine" JSONB;

-- Known of the newest attempts only: a run that went on elsewhere has forgotten what the others had.
UPDATE "RunAttempt" SET "engine" = "TrainingRun"."engine"
FROM "TrainingRun"
WHERE "RunAttempt"."runId" = "TrainingRun"."id"
  AND "RunAttempt"."attempt" = (SELECT max("attempt") FROM "RunAttempt" AS "other" WHERE "other"."runId" = "TrainingRun"."id");
