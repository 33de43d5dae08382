-- AlterTable
ALTER TABLE "LossPoint" ADD COLUMN     "layer" TEXT;

-- AlterTable
ALTER TABLE "RunAttempt" ADD COLUMN     "secondsBefore" DOUBLE PRECISION NOT NULL DEFAULT 0;

-- CreateIndex
CREATE INDEX "RunEvent_runId_kind_seq_idx" ON "RunEvent"("runId", "kind", "seq");
