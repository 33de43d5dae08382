-- AlterTable
ALTER TABLE "Prediction" ADD COLUMN     "threshold" DOUBLE PRECISION;
