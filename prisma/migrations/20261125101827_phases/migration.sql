-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "memoryBytes" BIGINT,
ADD COLUMN     "phases" JSONB;
