import type { ArtifactStore } from './artifact-store.ts'
import type { OpenBus } from './bus.ts'
import type { OpenRunQueue } from './run-queue.ts'
import type { Telemetry } from './telemetry.ts'
import type { Tracing } from './tracing.ts'
import type { TrainerLauncher } from './trainer-launcher.ts'

/** Every port of a server, whatever it stands on. */
export interface Ports<ToTrainer, FromTrainer> {
  artifacts: ArtifactStore
  /** Where child processes open the same store. */
  artifactsFolder: string
  openBus: OpenBus
  openRunQueue: OpenRunQueue
  trainers: TrainerLauncher<ToTrainer, FromTrainer>
  telemetry: Telemetry
  tracing: Tracing
}
