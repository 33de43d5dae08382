-- CreateEnum
CREATE TYPE "ModelVersionOrigin" AS ENUM ('TRAINED', 'IMPORTED');

-- DropIndex
DROP INDEX "ModelVersion_runId_key";

-- AlterTable
ALTER TABLE "Model" ADD COLUMN     "newestVersion" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "checkpointId" TEXT,
ADD COLUMN     "origin" "ModelVersionOrigin" NOT NULL DEFAULT 'TRAINED',
ADD COLUMN     "source" TEXT,
ALTER COLUMN "dataset" DROP NOT NULL;

-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "datasetDigest" TEXT,
ADD COLUMN     "keepBest" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "keepLatest" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "peakMemoryBytes" BIGINT;

-- CreateTable
CREATE TABLE "Checkpoint" (
    "id" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "testLoss" DOUBLE PRECISION,
    "testAccuracy" DOUBLE PRECISION NOT NULL,
    "bytes" BIGINT NOT NULL,
    "digest" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Checkpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CustomArchitecture" (
    "name" TEXT NOT NULL,
    "definition" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CustomArchitecture_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "ModelAlias" (
    "id" TEXT NOT NULL,
    "modelId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "versionId" TEXT NOT NULL,
    "protected" BOOLEAN NOT NULL DEFAULT false,
    "movedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ModelAlias_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Checkpoint_digest_idx" ON "Checkpoint"("digest");

-- CreateIndex
CREATE UNIQUE INDEX "Checkpoint_runId_attempt_step_key" ON "Checkpoint"("runId", "attempt", "step");

-- CreateIndex
CREATE INDEX "ModelAlias_versionId_idx" ON "ModelAlias"("versionId");

-- CreateIndex
CREATE UNIQUE INDEX "ModelAlias_modelId_name_key" ON "ModelAlias"("modelId", "name");

-- CreateIndex
CREATE INDEX "ModelVersion_runId_idx" ON "ModelVersion"("runId");

-- CreateIndex
CREATE INDEX "ModelVersion_digest_idx" ON "ModelVersion"("digest");

-- AddForeignKey
ALTER TABLE "Checkpoint" ADD CONSTRAINT "Checkpoint_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelVersion" ADD CONSTRAINT "ModelVersion_checkpointId_fkey" FOREIGN KEY ("checkpointId") REFERENCES "Checkpoint"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelAlias" ADD CONSTRAINT "ModelAlias_modelId_fkey" FOREIGN KEY ("modelId") REFERENCES "Model"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelAlias" ADD CONSTRAINT "ModelAlias_versionId_fkey" FOREIGN KEY ("versionId") REFERENCES "ModelVersion"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Version numbers go on from what there is.
UPDATE "Model" SET "newestVersion" = (
  SELECT COALESCE(MAX("version"), 0) FROM "ModelVersion" WHERE "ModelVersion"."modelId" = "Model"."id"
);

-- Until now every picture was scaled by this rule.
UPDATE "ModelVersion" SET "preprocessing" = "preprocessing" || '{"resize": {"rule": "COVER", "shorterSide": null}}'::jsonb;
