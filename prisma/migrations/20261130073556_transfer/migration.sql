-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "transfer" JSONB;
