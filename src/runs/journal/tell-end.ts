import type { Prisma } from '../../db/generated/client.ts'
import { evaluationResult } from '../../models/evaluation-result.ts'
import { globalId, tellWebhooks } from '../../webhooks/events.ts'
import type { RunFailure } from '../model/failure.ts'

/** Tells webhooks of a run that has ended, in the transaction that ends it. */
export async function tellEnd(
  tx: Prisma.TransactionClient,
  runId: string,
  failure: RunFailure | null,
): Promise<void> {
  const run = await tx.trainingRun.findUniqueOrThrow({
    where: { id: runId },
    select: {
      number: true,
      name: true,
      ownerId: true,
      architecture: true,
      dataset: true,
      status: true,
      evaluation: true,
    },
  })
  const { number, name, ownerId: owner, architecture, dataset, status } = run
  const evaluation = status === 'COMPLETED' ? evaluationResult.nullable().parse(run.evaluation) : null
  await tellWebhooks(tx, 'RUN_ENDED', {
    id: globalId('TrainingRun', runId),
    number,
    name,
    owner,
    architecture,
    dataset,
    status,
    failure: failure && { code: failure.code, message: failure.message },
    accuracy: evaluation?.accuracy ?? null,
    url: `/runs/${number}`,
  })
}
