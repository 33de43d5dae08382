-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "traceparent" TEXT;
