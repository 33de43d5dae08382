-- Another one that is counted.
INSERT INTO "Counter" ("name", "value") VALUES ('DatasetVersion', 0);

-- CreateEnum
CREATE TYPE "DatasetVersionState" AS ENUM ('QUEUED', 'IMPORTING', 'READY', 'FAILED', 'CANCELLED', 'DELETED');

-- CreateEnum
CREATE TYPE "DatasetFindingKind" AS ENUM ('REFUSED', 'SKIPPED', 'DUPLICATE', 'CONTRADICTION', 'NEAR_DUPLICATE', 'LEAK', 'FEW_PICTURES', 'EMPTY_CLASS', 'SIMILAR_CLASSES');

-- CreateTable
CREATE TABLE "Dataset" (
    "name" TEXT NOT NULL,
    "newestVersion" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Dataset_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "DatasetVersion" (
    "id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT next_number('DatasetVersion'::text),
    "datasetName" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "state" "DatasetVersionState" NOT NULL DEFAULT 'QUEUED',
    "asked" JSONB NOT NULL,
    "facts" JSONB,
    "digest" TEXT,
    "summary" JSONB,
    "bytes" BIGINT NOT NULL DEFAULT 0,
    "error" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "DatasetVersion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DatasetFinding" (
    "versionId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "kind" "DatasetFindingKind" NOT NULL,
    "path" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "other" TEXT,

    CONSTRAINT "DatasetFinding_pkey" PRIMARY KEY ("versionId","number")
);

-- CreateTable
CREATE TABLE "DatasetRequest" (
    "key" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "versionId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "DatasetRequest_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE UNIQUE INDEX "DatasetVersion_seq_key" ON "DatasetVersion"("seq");

-- CreateIndex
CREATE INDEX "DatasetVersion_state_seq_idx" ON "DatasetVersion"("state", "seq");

-- CreateIndex
CREATE UNIQUE INDEX "DatasetVersion_datasetName_version_key" ON "DatasetVersion"("datasetName", "version");

-- CreateIndex
CREATE INDEX "DatasetFinding_versionId_kind_number_idx" ON "DatasetFinding"("versionId", "kind", "number");

-- CreateIndex
CREATE INDEX "DatasetRequest_versionId_idx" ON "DatasetRequest"("versionId");

-- AddForeignKey
ALTER TABLE "DatasetVersion" ADD CONSTRAINT "DatasetVersion_datasetName_fkey" FOREIGN KEY ("datasetName") REFERENCES "Dataset"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DatasetFinding" ADD CONSTRAINT "DatasetFinding_versionId_fkey" FOREIGN KEY ("versionId") REFERENCES "DatasetVersion"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DatasetRequest" ADD CONSTRAINT "DatasetRequest_versionId_fkey" FOREIGN KEY ("versionId") REFERENCES "DatasetVersion"("id") ON DELETE CASCADE ON UPDATE CASCADE;
