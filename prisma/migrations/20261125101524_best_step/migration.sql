-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "bestStep" INTEGER;
