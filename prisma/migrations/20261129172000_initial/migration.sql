-- CreateEnum
CREATE TYPE "RunStatus" AS ENUM ('QUEUED', 'PREPARING', 'RUNNING', 'PAUSED', 'COMPLETED', 'CANCELLED', 'FAILED');

-- CreateEnum
CREATE TYPE "ModelVersionOrigin" AS ENUM ('TRAINED', 'IMPORTED');

-- CreateEnum
CREATE TYPE "RunEventKind" AS ENUM ('LOSS_POINTS', 'EPOCH_ENDED', 'STATUS_CHANGED', 'CONTROL_APPLIED', 'CHECKPOINT_SAVED');

-- CreateEnum
CREATE TYPE "RunOutputStream" AS ENUM ('STDOUT', 'STDERR', 'SERVER');

-- CreateTable
CREATE TABLE "Counter" (
    "name" TEXT NOT NULL,
    "value" INTEGER NOT NULL,

    CONSTRAINT "Counter_pkey" PRIMARY KEY ("name")
);

-- Everything that is counted.
INSERT INTO "Counter" ("name", "value")
VALUES ('CustomArchitecture', 0), ('Model', 0), ('ModelVersion', 0), ('Prediction', 0), ('TrainingRun', 0);

-- The counter's row stays locked until the transaction ends, so that numbers come in the order of the commits.
CREATE FUNCTION next_number(counter TEXT) RETURNS INTEGER LANGUAGE sql VOLATILE AS $$
    UPDATE public."Counter" SET "value" = "value" + 1 WHERE "name" = counter RETURNING "value"
$$;

-- CreateTable
CREATE TABLE "TrainingRun" (
    "id" TEXT NOT NULL,
    "number" INTEGER NOT NULL DEFAULT next_number('TrainingRun'::text),
    "name" TEXT NOT NULL,
    "notes" TEXT NOT NULL DEFAULT '',
    "status" "RunStatus" NOT NULL DEFAULT 'QUEUED',
    "architecture" TEXT NOT NULL,
    "dataset" TEXT NOT NULL,
    "datasetDigest" TEXT,
    "hyperparameters" JSONB NOT NULL,
    "seed" INTEGER NOT NULL,
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "idempotencyKey" TEXT,
    "engine" JSONB,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "epochs" INTEGER NOT NULL,
    "step" INTEGER NOT NULL DEFAULT 0,
    "steps" INTEGER NOT NULL DEFAULT 0,
    "imagesPerSecond" DOUBLE PRECISION,
    "secondsRemaining" DOUBLE PRECISION,
    "peakMemoryBytes" BIGINT,
    "memoryBytes" BIGINT,
    "phases" JSONB,
    "keepBest" INTEGER NOT NULL DEFAULT 1,
    "keepLatest" INTEGER NOT NULL DEFAULT 1,
    "everySteps" INTEGER,
    "everySeconds" INTEGER,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "place" INTEGER NOT NULL DEFAULT 0,
    "pinned" JSONB NOT NULL DEFAULT '[]',
    "changes" JSONB NOT NULL DEFAULT '[]',
    "restarts" INTEGER NOT NULL DEFAULT 0,
    "restartStep" INTEGER NOT NULL DEFAULT 0,
    "bestStep" INTEGER,
    "initialDigest" TEXT,
    "parentId" TEXT,
    "parentStep" INTEGER,
    "lastSeq" INTEGER NOT NULL DEFAULT 0,
    "failure" JSONB,
    "evaluation" JSONB,
    "bestTestAccuracy" DOUBLE PRECISION,
    "lastTestLoss" DOUBLE PRECISION,
    "seconds" DOUBLE PRECISION,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "TrainingRun_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RunAttempt" (
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "fromStep" INTEGER NOT NULL,
    "engine" JSONB NOT NULL,
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

-- CreateTable
CREATE TABLE "RunEvent" (
    "runId" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "kind" "RunEventKind" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "attempt" INTEGER NOT NULL,
    "payload" JSONB,

    CONSTRAINT "RunEvent_pkey" PRIMARY KEY ("runId","seq")
);

-- CreateTable
CREATE TABLE "LossPoint" (
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "seq" INTEGER NOT NULL,
    "epoch" DOUBLE PRECISION NOT NULL,
    "loss" DOUBLE PRECISION,
    "nonFinite" TEXT,
    "learningRate" DOUBLE PRECISION NOT NULL,
    "imagesPerSecond" DOUBLE PRECISION NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "LossPoint_pkey" PRIMARY KEY ("runId","attempt","step")
);

-- CreateTable
CREATE TABLE "LossBucket" (
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "level" INTEGER NOT NULL,
    "bucket" INTEGER NOT NULL,
    "count" INTEGER NOT NULL,
    "finite" INTEGER NOT NULL,
    "sum" DOUBLE PRECISION NOT NULL,
    "min" DOUBLE PRECISION,
    "minStep" INTEGER,
    "max" DOUBLE PRECISION,
    "maxStep" INTEGER,
    "last" INTEGER NOT NULL,
    "nonFinite" INTEGER,

    CONSTRAINT "LossBucket_pkey" PRIMARY KEY ("runId","level","attempt","bucket")
);

-- CreateTable
CREATE TABLE "EpochSummary" (
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "trainLoss" DOUBLE PRECISION,
    "trainAccuracy" DOUBLE PRECISION,
    "testLoss" DOUBLE PRECISION,
    "testAccuracy" DOUBLE PRECISION,
    "seconds" DOUBLE PRECISION NOT NULL,
    "pinned" JSONB,

    CONSTRAINT "EpochSummary_pkey" PRIMARY KEY ("runId","attempt","epoch")
);

-- CreateTable
CREATE TABLE "RunOutputLine" (
    "runId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "attempt" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "stream" "RunOutputStream" NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "RunOutputLine_pkey" PRIMARY KEY ("runId","number")
);

-- CreateTable
CREATE TABLE "Checkpoint" (
    "id" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "testLoss" DOUBLE PRECISION,
    "testAccuracy" DOUBLE PRECISION,
    "bytes" BIGINT NOT NULL,
    "digest" TEXT NOT NULL,
    "stateDigest" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Checkpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CustomArchitecture" (
    "name" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT next_number('CustomArchitecture'::text),
    "definition" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CustomArchitecture_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "Model" (
    "id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT next_number('Model'::text),
    "name" TEXT NOT NULL,
    "newestVersion" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Model_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ModelVersion" (
    "id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT next_number('ModelVersion'::text),
    "modelId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "origin" "ModelVersionOrigin" NOT NULL DEFAULT 'TRAINED',
    "source" TEXT,
    "architecture" TEXT NOT NULL,
    "dataset" TEXT,
    "runId" TEXT,
    "checkpointId" TEXT,
    "accuracy" DOUBLE PRECISION,
    "bytes" BIGINT NOT NULL,
    "digest" TEXT NOT NULL,
    "preprocessing" JSONB NOT NULL,
    "evaluation" JSONB,
    "evaluatedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ModelVersion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "VersionRequest" (
    "key" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "versionId" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "VersionRequest_pkey" PRIMARY KEY ("key")
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

-- CreateTable
CREATE TABLE "Prediction" (
    "id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT next_number('Prediction'::text),
    "modelVersionId" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "confidence" DOUBLE PRECISION NOT NULL,
    "probabilities" JSONB NOT NULL,
    "input" BYTEA NOT NULL,
    "latencyMs" DOUBLE PRECISION NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Prediction_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EvaluationMistakes" (
    "id" TEXT NOT NULL,
    "runId" TEXT,
    "modelVersionId" TEXT,
    "records" BYTEA NOT NULL,

    CONSTRAINT "EvaluationMistakes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "TrainingRun_number_key" ON "TrainingRun"("number");

-- CreateIndex
CREATE UNIQUE INDEX "TrainingRun_idempotencyKey_key" ON "TrainingRun"("idempotencyKey");

-- CreateIndex
CREATE INDEX "TrainingRun_status_priority_place_number_idx" ON "TrainingRun"("status", "priority", "place", "number");

-- CreateIndex
CREATE INDEX "TrainingRun_architecture_number_idx" ON "TrainingRun"("architecture", "number");

-- CreateIndex
CREATE INDEX "TrainingRun_initialDigest_idx" ON "TrainingRun"("initialDigest");

-- CreateIndex
CREATE INDEX "TrainingRun_parentId_idx" ON "TrainingRun"("parentId");

-- CreateIndex
CREATE INDEX "LossPoint_runId_seq_idx" ON "LossPoint"("runId", "seq");

-- CreateIndex
CREATE INDEX "Checkpoint_digest_idx" ON "Checkpoint"("digest");

-- CreateIndex
CREATE INDEX "Checkpoint_stateDigest_idx" ON "Checkpoint"("stateDigest");

-- CreateIndex
CREATE UNIQUE INDEX "Checkpoint_runId_attempt_step_key" ON "Checkpoint"("runId", "attempt", "step");

-- CreateIndex
CREATE UNIQUE INDEX "CustomArchitecture_seq_key" ON "CustomArchitecture"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "Model_seq_key" ON "Model"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "Model_name_key" ON "Model"("name");

-- CreateIndex
CREATE UNIQUE INDEX "ModelVersion_seq_key" ON "ModelVersion"("seq");

-- CreateIndex
CREATE INDEX "ModelVersion_runId_seq_idx" ON "ModelVersion"("runId", "seq");

-- CreateIndex
CREATE INDEX "ModelVersion_digest_idx" ON "ModelVersion"("digest");

-- CreateIndex
CREATE UNIQUE INDEX "ModelVersion_modelId_version_key" ON "ModelVersion"("modelId", "version");

-- CreateIndex
CREATE INDEX "VersionRequest_versionId_idx" ON "VersionRequest"("versionId");

-- CreateIndex
CREATE INDEX "ModelAlias_versionId_idx" ON "ModelAlias"("versionId");

-- CreateIndex
CREATE UNIQUE INDEX "ModelAlias_modelId_name_key" ON "ModelAlias"("modelId", "name");

-- CreateIndex
CREATE UNIQUE INDEX "Prediction_seq_key" ON "Prediction"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "EvaluationMistakes_runId_key" ON "EvaluationMistakes"("runId");

-- CreateIndex
CREATE UNIQUE INDEX "EvaluationMistakes_modelVersionId_key" ON "EvaluationMistakes"("modelVersionId");

-- CreateIndex
CREATE INDEX "Prediction_modelVersionId_seq_idx" ON "Prediction"("modelVersionId", "seq");

-- AddForeignKey
ALTER TABLE "TrainingRun" ADD CONSTRAINT "TrainingRun_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "TrainingRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RunAttempt" ADD CONSTRAINT "RunAttempt_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ControlRequest" ADD CONSTRAINT "ControlRequest_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RunEvent" ADD CONSTRAINT "RunEvent_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "LossPoint" ADD CONSTRAINT "LossPoint_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "LossBucket" ADD CONSTRAINT "LossBucket_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EpochSummary" ADD CONSTRAINT "EpochSummary_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RunOutputLine" ADD CONSTRAINT "RunOutputLine_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Checkpoint" ADD CONSTRAINT "Checkpoint_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelVersion" ADD CONSTRAINT "ModelVersion_modelId_fkey" FOREIGN KEY ("modelId") REFERENCES "Model"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelVersion" ADD CONSTRAINT "ModelVersion_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelVersion" ADD CONSTRAINT "ModelVersion_checkpointId_fkey" FOREIGN KEY ("checkpointId") REFERENCES "Checkpoint"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VersionRequest" ADD CONSTRAINT "VersionRequest_versionId_fkey" FOREIGN KEY ("versionId") REFERENCES "ModelVersion"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelAlias" ADD CONSTRAINT "ModelAlias_modelId_fkey" FOREIGN KEY ("modelId") REFERENCES "Model"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelAlias" ADD CONSTRAINT "ModelAlias_versionId_fkey" FOREIGN KEY ("versionId") REFERENCES "ModelVersion"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Prediction" ADD CONSTRAINT "Prediction_modelVersionId_fkey" FOREIGN KEY ("modelVersionId") REFERENCES "ModelVersion"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EvaluationMistakes" ADD CONSTRAINT "EvaluationMistakes_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EvaluationMistakes" ADD CONSTRAINT "EvaluationMistakes_modelVersionId_fkey" FOREIGN KEY ("modelVersionId") REFERENCES "ModelVersion"("id") ON DELETE CASCADE ON UPDATE CASCADE;
