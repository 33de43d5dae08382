import { bytes, rate } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Panel } from '../parts/panel.tsx'
import { FILTERS, VERSION, type Version } from './documents.ts'

/** The files as other programs read them. */
export function Downloads({ version: { id, downloads, bytes: size, digest } }: { version: Version }) {
  return (
    <Panel title="Downloads" query={{ text: VERSION, variables: { id } }}>
      <ul class="plain">
        <li>
          <a href={downloads.safetensors.url} download>
            safetensors
          </a>{' '}
          <span class="muted">
            {bytes(size)}, with torchvision’s names: torchvision’s own VGG loads it with strict=True
          </span>
        </li>
        <li>
          {downloads.layersModel === null ? (
            <span class="muted">No layers model: TensorFlow.js has no local response normalisation.</span>
          ) : (
            <>
              <a href={downloads.layersModel.url}>layers model</a>{' '}
              <span class="muted">the model.json that tf.loadLayersModel opens, by this address</span>
            </>
          )}
        </li>
      </ul>
      <p class="small muted">
        sha256 <code>{digest}</code>
      </p>
    </Panel>
  )
}

/** What its first convolution looks for. */
export function Filters({ id }: { id: string }) {
  const { data, error } = useQuery(FILTERS, { id })
  const node = data?.node
  const filters = node != null && 'filters' in node ? node.filters : null
  if (filters === null || filters === undefined) {
    return error === null ? null : (
      <Panel title="Filters of the first convolution" query={{ text: FILTERS, variables: { id } }}>
        <p class="muted">{error.message}</p>
      </Panel>
    )
  }
  return (
    <Panel title="Filters of the first convolution" query={{ text: FILTERS, variables: { id } }}>
      <img
        class="pixelated filter-tiles"
        src={filters}
        alt="A tile in colour for each filter, from its smallest weight to its largest"
      />
      <p class="small muted">A tile for each filter, from its smallest weight to its largest.</p>
    </Panel>
  )
}

const RESIZE = {
  COVER: 'covers the size, cropped at its centre',
  STRETCH: 'each side by itself',
  CONTAIN: 'all of it within the size, in the middle',
}

/** How a picture becomes its input. */
export function Preprocessing({ version: { id, preprocessing: it } }: { version: Version }) {
  const rows: [string, string][] = [
    ['Size', `${it.size.join(' × ')} pixels`],
    ['Resize', RESIZE[it.resize]],
    ...(it.resize === 'COVER'
      ? [
          ['Shorter side', it.shorterSide === null ? 'just covers' : `${it.shorterSide} pixels`] as [
            string,
            string,
          ],
        ]
      : []),
    ...(it.background === null ? [] : [['Around it', it.background] as [string, string]]),
    ['Mean of R, G, B', it.mean.map(rate).join(', ')],
    ['Standard deviation', it.std.map(rate).join(', ')],
    ['Classes', String(it.labels.length)],
  ]
  return (
    <Panel title="Preprocessing" query={{ text: VERSION, variables: { id } }}>
      <dl class="settings small">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details class="small">
        <summary>The classes, in the order of the outputs</summary>
        <p class="muted">{it.labels.join(', ')}</p>
      </details>
    </Panel>
  )
}
