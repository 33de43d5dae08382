import { useEffect } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { duration, percent } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { START_RUN } from '../live/start-run.ts'
import { Failure } from '../parts/failure.tsx'
import { go } from '../router.ts'

/** Short enough to be watched to its end, long enough to learn something. */
const FIRST_RUN = {
  architecture: 'vgg_mini',
  name: 'My first network',
  epochs: 3,
  trainLimit: 10_000,
  logEvery: 1,
  pinned: [0, 1, 2, 3].map((index) => ({ index })),
}

const WELCOME = graphql(`
  query Welcome {
    datasets {
      name
      state
      progress
      error
      trainCount
      classes
    }
    architecture(name: "vgg_mini") {
      plan {
        ... on ArchitecturePlan { engine secondsPerEpoch }
      }
    }
    system { engine { kind device } }
  }
`)

const SAMPLES = graphql(`
  query WelcomeSamples {
    datasets {
      name
      samples(count: 16, seed: 5) { index label image(scale: 3) }
    }
  }
`)

const POLL_MS = 500

/** An empty zoo: what it is, what it learns from, and one thing to do. */
export function FirstVisit() {
  const { data, error, refresh } = useQuery(WELCOME, {})
  const { asked, error: refused, run } = useDoing()
  const dataset = data?.datasets[0]
  const isReady = dataset?.state === 'READY'
  const { data: pictures } = useQuery(SAMPLES, isReady ? {} : null)
  useEffect(() => {
    if (data === null || isReady) return
    const timer = setInterval(refresh, POLL_MS)
    return () => clearInterval(timer)
  }, [isReady, data === null])
  const train = async () => {
    const started = await run(async (client) => {
      const { startTrainingRun } = await client.mutate(START_RUN, { input: FIRST_RUN })
      return expectMember(startTrainingRun, 'TrainingRun')
    })
    if (started !== null) go(`/runs/${started.number}`)
  }
  if (data === null || dataset === undefined) return error === null ? null : <Failure error={error} />
  const plan = data.architecture?.plan
  const perEpoch = plan !== undefined && 'secondsPerEpoch' in plan ? plan.secondsPerEpoch : null
  const estimate =
    perEpoch == null ? null : (FIRST_RUN.epochs * perEpoch * FIRST_RUN.trainLimit) / dataset.trainCount
  return (
    <div class="empty">
      <h1>Teach a network to see, and watch it learn.</h1>
      <p>
        vggzoo trains the VGG family of image classifiers. A small one learns to tell {dataset.classes.length}{' '}
        kinds of pictures apart, among them {dataset.classes.slice(0, 3).join(', ')}, on this machine.
      </p>
      {pictures !== null && (
        <ul class="pictures" style={{ maxWidth: '44rem', width: '100%' }}>
          {pictures.datasets[0]!.samples.map(({ index, label, image }) => (
            <li key={index}>
              <img class="pixelated" src={image} alt={label} width="96" height="96" />
            </li>
          ))}
        </ul>
      )}
      <div class="row">
        <button type="button" class="primary" disabled={asked} onClick={() => void train()}>
          Train vgg_mini now
        </button>
        <span class="muted">
          {isReady
            ? `${estimate === null ? '' : `About ${duration(estimate)} `}on ${data.system.engine?.device ?? 'this machine'}`
            : dataset.state === 'FETCHING'
              ? `The data set is being fetched: ${percent(dataset.progress, 0)}`
              : 'Fetches 139 MB first'}
        </span>
      </div>
      {dataset.state === 'FETCHING' && (
        <progress
          value={dataset.progress}
          max={1}
          aria-label="Progress of the data set"
          style={{ maxWidth: '44rem' }}
        />
      )}
      {dataset.error !== null && <Failure error={dataset.error} />}
      {refused !== null && <Failure error={refused} />}
    </div>
  )
}
