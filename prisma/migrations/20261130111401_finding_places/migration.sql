-- AlterTable
ALTER TABLE "DatasetFinding" ADD COLUMN     "otherPlace" JSONB,
ADD COLUMN     "place" JSONB;
