import type { Quota } from '../../access/quotas.ts'
import type { AccessService } from '../../access/service.ts'
import type { Viewer } from '../../access/viewer.ts'
import type { AuditLog, Origin } from '../../audit/log.ts'
import type { Datasets } from '../../data/datasets.ts'
import type { OwnDatasets } from '../../data/own/service.ts'
import type { ModelService } from '../../models/service.ts'
import type { PredictionBatches } from '../../predictor/prediction-batches.ts'
import type { PredictionService } from '../../predictor/predictions.ts'
import type { Reasons } from '../../predictor/reasons/reasons.ts'
import type { ServingStats } from '../../predictor/serving-stats.ts'
import type { Planner } from '../../runs/planning/planner.ts'
import type { QueuePlaces } from '../../runs/planning/queue-place.ts'
import type { RunService } from '../../runs/service.ts'
import type { EvaluationService } from '../../scoring/evaluations.ts'
import type { SystemService } from '../../system/service.ts'
import type { Webhooks } from '../../webhooks/service.ts'
import type { ArchitectureRegistry } from '../../zoo/registry.ts'

/** The domain as resolvers see it. */
export interface Services {
  access: AccessService
  audit: AuditLog
  architectures: ArchitectureRegistry
  planner: Planner
  runs: RunService
  queuePlaces: QueuePlaces
  models: ModelService
  predictions: PredictionService
  predictionBatches: PredictionBatches
  serving: ServingStats
  reasons: Reasons
  evaluations: EvaluationService
  datasets: Datasets
  /** What people do with data sets of their own. */
  ownDatasets: OwnDatasets
  system: SystemService
  webhooks: Webhooks
}

/** Where the server hands out what the domain names: paths that begin with /. */
export interface Addresses {
  safetensors(version: { id: string }): string
  layersModel(version: { id: string }): string
  /** One of these for whoever has no token; the path itself where none is wanted. */
  signed(path: string): string
}

/** What every resolver gets. */
export interface Context extends Services {
  addresses: Addresses
  /** Who asks. */
  viewer: Viewer
  /** What they may have still; left out where it is as much as they like. */
  quota?: Quota | undefined
  /** Of a mutation: where it is from. */
  origin?: Origin
  /** Of the span of the operation (src/ports/tracing.ts), where anybody looks. */
  traceparent?: string | undefined
  /** Its signal is aborted when whoever asked is gone. */
  request?: { readonly signal: AbortSignal }
  /** It is executed for an event: what that costs was counted when the subscription was opened. */
  isEvent?: true
  /**
   * The Prisma client, for Pothos' Prisma plugin alone. Its type is left out on purpose: in the context it
   * would be expanded in every resolver's type and slow the compiler down.
   */
  database: { readonly prisma: object }
}
