import { render } from 'preact'
import { App } from './app.tsx'
import { watchViewer } from './live/viewer.ts'
import { startRouter } from './router.ts'
import { startTheme } from './theme.ts'
import './style/tokens.css'
import './style/base.css'
import './style/layout.css'

startTheme()
startRouter()
watchViewer()
render(<App />, document.getElementById('app')!)
