-- CreateEnum
CREATE TYPE "RunLogStream" AS ENUM ('STDOUT', 'STDERR', 'SERVER');

-- CreateTable
CREATE TABLE "RunLogLine" (
    "runId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "attempt" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "stream" "RunLogStream" NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "RunLogLine_pkey" PRIMARY KEY ("runId","number")
);

-- AddForeignKey
ALTER TABLE "RunLogLine" ADD CONSTRAINT "RunLogLine_runId_fkey" FOREIGN KEY ("runId") REFERENCES "TrainingRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;
