import type { Prisma, TrainingRun } from '../db/generated/client.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { EvaluationResult } from './trainer/protocol.ts'

/**
 * Makes a run's weights the next version of the model named after its architecture,
 * with all that a predictor has to know about its input.
 */
export async function registerVersion(
  tx: Prisma.TransactionClient,
  run: TrainingRun,
  architecture: Architecture,
  labels: readonly string[],
  evaluation: EvaluationResult,
  weights: { digest: string; bytes: number },
): Promise<void> {
  const name = architecture.name
  const model = await tx.model.upsert({
    where: { name },
    create: { name, newestVersion: 1 },
    update: { newestVersion: { increment: 1 } },
  })
  const [height, width] = architecture.inputShape
  const { normalization } = run.hyperparameters as unknown as Hyperparameters
  await tx.modelVersion.create({
    data: {
      modelId: model.id,
      version: model.newestVersion,
      architecture: architecture.name,
      dataset: run.dataset,
      runId: run.id,
      accuracy: evaluation.accuracy,
      bytes: weights.bytes,
      digest: weights.digest,
      preprocessing: {
        size: [height, width],
        mean: normalization.mean,
        std: normalization.std,
        labels: [...labels],
      },
    },
  })
}
