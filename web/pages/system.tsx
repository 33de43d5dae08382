import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { bytes, count, words } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { AllServing } from '../serving/all-versions.tsx'
import { Load } from '../system/load.tsx'
import '../system/system.css'

const SYSTEM = graphql(`
  query System {
    system {
      version
      database
      cores
      memoryBytes
      engine { kind device processor instructionSet threads notTaken { engine reason } }
      engineTrials { engine imagesPerSecond failure }
      storage { freeBytes sizeBytes parts { what bytes files } }
    }
  }
`)

type Facts = ResultOf<typeof SYSTEM>['system']

/** What this server computes on, and how busy it is. */
export default function System() {
  useTitle('System')
  const { data, error } = useQuery(SYSTEM, {})
  if (data === null) return error === null ? null : <Failure error={error} />
  const { system } = data
  return (
    <>
      <h1>System</h1>
      <Load />
      <AllServing />
      <Engine engine={system.engine} />
      <Trials trials={system.engineTrials} />
      <Disk storage={system.storage} />
      <Panel title="Machine and server" query={{ text: SYSTEM }}>
        <Figures
          of={[
            ['Cores', system.cores],
            ['Memory of the machine', bytes(system.memoryBytes)],
            ['Database', system.database],
            ['vggzoo', system.version],
          ]}
        />
      </Panel>
    </>
  )
}

function Engine({ engine }: { engine: Facts['engine'] }) {
  if (engine === null) {
    return (
      <Panel title="Engine" query={{ text: SYSTEM }}>
        <p>No engine can run on this machine: nothing can be trained or predicted.</p>
      </Panel>
    )
  }
  const { kind, device, instructionSet, threads, notTaken } = engine
  return (
    <Panel title={`Engine: ${words(kind)}`} query={{ text: SYSTEM }}>
      <Figures
        of={[
          ['Device', device],
          ['Instructions', instructionSet],
          ['Threads', threads ?? 'not said'],
        ]}
      />
      {notTaken.length > 0 && (
        <>
          <h3>Why not a better one</h3>
          <dl class="reasons">
            {notTaken.map(({ engine: name, reason }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{reason}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </Panel>
  )
}

const WHAT: Record<Facts['storage']['parts'][number]['what'], string> = {
  DATABASE: 'Database',
  WEIGHTS: 'Weights of models and checkpoints',
  DERIVED: 'Made of weights, and made again when it is gone',
  DATASETS: 'Data sets',
  UPLOADS: 'Uploads and imports under way',
  OTHER: 'Other files',
}

/** What takes how much of the disk. */
function Disk({ storage: { freeBytes, sizeBytes, parts } }: { storage: Facts['storage'] }) {
  const most = Math.max(1, ...parts.map((part) => part.bytes))
  return (
    <Panel title="Disk" query={{ text: SYSTEM }}>
      <Figures
        of={[
          ['Free', bytes(freeBytes)],
          ['Of', bytes(sizeBytes)],
          ['Kept by this server', bytes(parts.reduce((sum, part) => sum + part.bytes, 0))],
        ]}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="What takes room on the disk">
        <table>
          <thead>
            <tr>
              <th scope="col">What takes it</th>
              <th scope="col" class="number">
                Files
              </th>
              <th scope="col" class="number">
                Room
              </th>
              <th scope="col">Beside the most</th>
            </tr>
          </thead>
          <tbody>
            {parts.map((part) => (
              <tr key={part.what}>
                <th scope="row">{WHAT[part.what]}</th>
                <td class="number">{count(part.files)}</td>
                <td class="number">{bytes(part.bytes)}</td>
                <td>
                  <progress value={part.bytes} max={most} aria-label={`${WHAT[part.what]} beside the most`} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}

/** The engines that were timed against each other, the fastest first. */
function Trials({ trials }: { trials: Facts['engineTrials'] }) {
  if (trials.length === 0) return null
  const fastest = Math.max(...trials.map(({ imagesPerSecond }) => imagesPerSecond ?? 0))
  return (
    <Panel title="Engines that were tried here" query={{ text: SYSTEM }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Trials of engines">
        <table>
          <thead>
            <tr>
              <th scope="col">Engine</th>
              <th scope="col" class="number">
                Images of vgg_mini in a second
              </th>
              <th scope="col">Beside the fastest</th>
            </tr>
          </thead>
          <tbody>
            {trials.map(({ engine, imagesPerSecond, failure }) => (
              <tr key={engine}>
                <th scope="row">{engine}</th>
                <td class="number">{count(imagesPerSecond)}</td>
                <td>
                  {failure ?? (
                    <progress
                      value={imagesPerSecond ?? 0}
                      max={fastest}
                      aria-label={`Speed of ${engine} beside the fastest`}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}
