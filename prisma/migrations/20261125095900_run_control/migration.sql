-- DropIndex
DROP INDEX "TrainingRun_status_number_idx";

-- AlterTable
ALTER TABLE "Checkpoint" ADD COLUMN     "stateDigest" TEXT,
ALTER COLUMN "testAccuracy" DROP NOT NULL;

-- AlterTable
ALTER TABLE "TrainingRun" ADD COLUMN     "changes" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "everySeconds" INTEGER,
ADD COLUMN     "everySteps" INTEGER,
ADD COLUMN     "initialDigest" TEXT,
ADD COLUMN     "parentId" TEXT,
ADD COLUMN     "parentStep" INTEGER,
ADD COLUMN     "place" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "priority" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "restartStep" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "restarts" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "RunAttempt" (
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "fromStep" INTEGER NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RunAttempt_pkey" PRIMARY KEY ("runId","attempt")
);

-- CreateTable
CREATE TABLE "ControlRequest" (
    "runId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ControlRequest_pkey" PRIMARY KEY ("runId","key")
);

-- CreateIndex
CREATE INDEX "Checkpoint_stateDigest_idx" ON "Checkpoint"("stateDigest");

-- CreateIndex
CREATE INDEX "TrainingRun_status_priority_place_number_idx" ON "TrainingRun"("status", "priority", "place", "number");

-- CreateIndex
CREATE INDEX "TrainingRun_initialDigest_idx" ON "TrainingRun"("initialDigest");

-- CreateIndex
CREATE INDEX "TrainingRun_parentId_idx" ON "TrainingRun"("parentId");

-- AddForeignKey
ALTER TABLE "TrainingRun" ADD CONSTRAINT "TrainingRun_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "TrainingRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RunAttempt" ADD CONSTRAINT "RunAttempt_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ControlRequest" ADD CONSTRAINT "ControlRequest_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;
