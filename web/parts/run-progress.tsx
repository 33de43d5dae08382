import { count, counted, duration } from '../format.ts'
import type { RunCard } from '../live/runs-changed.ts'

const PHASES: Partial<Record<RunCard['status'], string>> = {
  QUEUED: 'Waits for its turn.',
  PAUSED: 'Paused. It goes on from here when it is resumed.',
}

/** How far a run is, as a bar and in words. */
export function RunProgress({ run }: { run: RunCard }) {
  const { status, progress } = run
  const { epoch, epochs, step, steps, imagesPerSecond, secondsRemaining } = progress
  const text = [
    steps > 0 && `${Math.min(epoch, epochs)} of ${counted(epochs, 'epoch')}`,
    steps > 0 && `step ${count(step)} of ${count(steps)}`,
    imagesPerSecond !== null && status === 'RUNNING' && `${count(imagesPerSecond)} images/s`,
    secondsRemaining !== null && `${duration(secondsRemaining)} left`,
  ].filter(Boolean)
  return (
    <div class="stack">
      <progress value={steps === 0 ? 0 : step} max={Math.max(steps, 1)} aria-label="Progress of the run" />
      <p class="small muted">{[PHASES[status], text.join(' · ')].filter(Boolean).join(' ')}</p>
    </div>
  )
}
