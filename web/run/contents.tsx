import type { Details } from './details.ts'

/** Where on the page of a run things stand: it is a long one. */
export function Contents({ run }: { run: Details }) {
  const sections = [
    { anchor: 'loss', title: 'Loss', isThere: true },
    { anchor: 'epochs', title: 'Epochs', isThere: run.epochs.length > 0 },
    { anchor: 'confusion', title: 'Confusion matrix', isThere: run.evaluation !== null },
    {
      anchor: 'checkpoints',
      title: 'Checkpoints and versions',
      isThere: run.checkpoints.length + run.modelVersions.length > 0,
    },
    { anchor: 'settings', title: 'Settings', isThere: true },
  ]
  return (
    <nav class="row small" aria-label="On this page">
      <span class="muted" aria-hidden="true">
        On this page
      </span>
      {sections.map(({ anchor, title, isThere }) =>
        isThere ? (
          <a key={anchor} href={`#${anchor}`}>
            {title}
          </a>
        ) : null,
      )}
    </nav>
  )
}
