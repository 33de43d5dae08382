-- DropIndex
DROP INDEX "TrainingRun_idempotencyKey_key";

-- AlterTable
ALTER TABLE "ControlRequest" DROP CONSTRAINT "ControlRequest_pkey",
ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local',
ADD CONSTRAINT "ControlRequest_pkey" PRIMARY KEY ("runId", "ownerId", "key");

-- AlterTable
ALTER TABLE "DatasetRequest" DROP CONSTRAINT "DatasetRequest_pkey",
ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local',
ADD CONSTRAINT "DatasetRequest_pkey" PRIMARY KEY ("ownerId", "key");

-- AlterTable
ALTER TABLE "DatasetVersion" ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local';

-- AlterTable
ALTER TABLE "ModelAlias" ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local';

-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local';

-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local';

-- AlterTable
ALTER TABLE "VersionRequest" DROP CONSTRAINT "VersionRequest_pkey",
ADD COLUMN     "ownerId" TEXT NOT NULL DEFAULT 'local',
ADD CONSTRAINT "VersionRequest_pkey" PRIMARY KEY ("ownerId", "key");

-- CreateIndex
CREATE UNIQUE INDEX "TrainingRun_ownerId_idempotencyKey_key" ON "TrainingRun"("ownerId", "idempotencyKey");
