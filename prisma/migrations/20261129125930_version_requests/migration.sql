-- CreateTable
CREATE TABLE "VersionRequest" (
    "key" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "versionId" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "VersionRequest_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "VersionRequest_versionId_idx" ON "VersionRequest"("versionId");

-- AddForeignKey
ALTER TABLE "VersionRequest" ADD CONSTRAINT "VersionRequest_versionId_fkey" FOREIGN KEY ("versionId") REFERENCES "ModelVersion"("id") ON DELETE SET NULL ON UPDATE CASCADE;
