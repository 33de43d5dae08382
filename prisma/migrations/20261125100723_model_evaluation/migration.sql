-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "evaluatedAt" TIMESTAMPTZ(3),
ADD COLUMN     "evaluation" JSONB;
