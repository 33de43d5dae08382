import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { DATASET } from '../data/documents.ts'
import { Fetching } from '../data/fetching.tsx'
import { useLive } from '../data/live.ts'
import { useSamples } from '../data/samples.ts'
import { bytes, duration } from '../format.ts'
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

const PICTURES = { count: 16, seed: 5, split: 'TRAIN' } as const

const WELCOME = graphql(
  `
    query Welcome {
      datasets { ...DatasetFacts }
      system { engine { device } }
    }
  `,
  [DATASET],
)

/** Asked apart: the first answer takes a second or two. */
const ESTIMATE = graphql(`
  query FirstEstimate {
    architecture(name: "vgg_mini") {
      plan {
        ... on ArchitecturePlan { secondsPerEpoch }
      }
    }
  }
`)

/** An empty zoo: what it is, what it learns from, and one thing to do. */
export function FirstVisit() {
  const { data, error } = useQuery(WELCOME, {})
  if (data !== null) return <Welcome {...data} />
  return error === null ? null : <Failure error={error} />
}

function Welcome({ datasets, system }: ResultOf<typeof WELCOME>) {
  const dataset = useLive(datasets[0]!)
  const { state, classes, trainCount, downloadBytes } = dataset
  const { samples } = useSamples(
    state === 'READY' ? { id: dataset.id, imageShape: dataset.imageShape, ...PICTURES } : null,
  )
  const doing = useDoing()
  const train = async () => {
    const started = await doing.run(async (client) => {
      const { startTrainingRun } = await client.mutate(START_RUN, { input: FIRST_RUN })
      return expectMember(startTrainingRun, 'TrainingRun')
    })
    if (started !== null) go(`/runs/${started.number}`)
  }
  const plan = useQuery(ESTIMATE, {}).data?.architecture?.plan
  const perEpoch = plan !== undefined && 'secondsPerEpoch' in plan ? plan.secondsPerEpoch : null
  const estimate = perEpoch == null ? null : (FIRST_RUN.epochs * perEpoch * FIRST_RUN.trainLimit) / trainCount
  return (
    <div class="empty">
      <h1>Teach a network to see, and watch it learn.</h1>
      <p>
        vggzoo trains the VGG family of image classifiers. A small one learns to tell {classes.length} kinds
        of pictures apart, such as {classes.slice(0, 3).join(', ')}, on this machine.
      </p>
      {samples !== null && (
        <ul class="pictures" style={{ maxWidth: '44rem', width: '100%' }}>
          {samples.map(({ index, label, image }) => (
            <li key={index}>
              <img class="pixelated" src={image} alt={label} width="96" height="96" />
            </li>
          ))}
        </ul>
      )}
      <div class="row">
        <button type="button" class="primary" disabled={doing.asked} onClick={() => void train()}>
          Train vgg_mini now
        </button>
        <span class="muted">
          {(state === 'MISSING' || state === 'FAILED') &&
            downloadBytes !== null &&
            `Downloads ${bytes(downloadBytes)} first. `}
          {estimate === null ? 'Trains' : `Takes about ${duration(estimate)}`}
          {system.engine !== null && ` on ${system.engine.device}`}.
        </span>
      </div>
      {state === 'FETCHING' && <Fetching dataset={dataset} />}
      {dataset.error !== null && <Failure error={dataset.error} />}
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}
