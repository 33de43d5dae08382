-- AlterTable
ALTER TABLE "EpochSummary" ADD COLUMN     "pinned" JSONB;

-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "pinned" JSONB NOT NULL DEFAULT '[]';
