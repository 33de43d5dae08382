-- AlterTable
ALTER TABLE "DatasetVersion" ADD COLUMN     "mayRetry" BOOLEAN NOT NULL DEFAULT false;
