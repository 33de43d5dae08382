import type { TrainerEnd, TrainerLauncher } from '../../ports/trainer-launcher.ts'
import { type ChildExit, lastWords, startChild } from '../../process/child.ts'

/**
 * Trainers as child processes of this one.
 * @param entry  the compiled file that they run
 */
export function createTrainerLauncher<ToTrainer, FromTrainer>(
  entry: URL,
): TrainerLauncher<ToTrainer, FromTrainer> {
  return {
    launch(listener) {
      const { pid, send, kill, exited } = startChild<ToTrainer, FromTrainer>({
        entry,
        role: 'trainer',
        ...listener,
      })
      return { name: pid, send, kill: () => kill('SIGKILL'), ended: exited.then(endOf) }
    },
  }
}

function endOf(exit: ChildExit): TrainerEnd {
  const { code, signal, outOfMemory } = exit
  const kind = outOfMemory ? 'outOfMemory' : signal === 'SIGKILL' ? 'killed' : 'exited'
  return { kind, how: signal ?? `exit code ${code}`, lastWords: lastWords(exit) }
}
