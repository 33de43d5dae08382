import type { Ports } from '../../ports/ports.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Tracing } from '../../ports/tracing.ts'
import type { Room } from '../../storage/room.ts'
import { openArtifactStore } from './artifact-store.ts'
import { createBus } from './bus.ts'
import { openRunQueue } from './run-queue.ts'
import { createTrainerLauncher } from './trainer-launcher.ts'

export interface LocalPortsOptions {
  artifactsFolder: string
  room: Room
  /** The compiled file that a trainer runs. */
  trainer: URL
  telemetry: Telemetry
  tracing: Tracing
}

/** The ports of a server that is one machine. */
export function openLocalPorts<ToTrainer, FromTrainer>(
  options: LocalPortsOptions,
): Ports<ToTrainer, FromTrainer> {
  const { artifactsFolder, room, trainer, telemetry, tracing } = options
  return {
    artifacts: openArtifactStore(artifactsFolder, room),
    artifactsFolder,
    openBus: (name) => createBus(name, telemetry),
    openRunQueue,
    trainers: createTrainerLauncher(trainer),
    telemetry,
    tracing,
  }
}
