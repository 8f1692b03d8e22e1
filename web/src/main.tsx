// SPDX-License-Identifier: Apache-2.0
// The page's frame: who is signed in, where one is, and what is said on every page.
import { type JSX, render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { away, findSession, may, session, signOut, tryNow } from './api';
import { plural } from './format';
import { useTick } from './hooks';
import { BatchPage, Batches } from './pages/batches';
import { JobPage } from './pages/job';
import { Jobs } from './pages/jobs';
import { Keys, MadeKey } from './pages/keys';
import { Overview } from './pages/overview';
import { ResultPage } from './pages/result';
import { Results } from './pages/results';
import { SignIn } from './pages/signin';
import { Storages } from './pages/storages';
import { Trash } from './pages/trash';
import { Upload } from './pages/upload';
import { Users } from './pages/users';
import { go, usePlace } from './router';
import { kept, useStore } from './store';
import icon from './icon.svg';
import './style.css';
import { theme } from './theme';
import type { Scope } from './types';
import { isBusy, isOpen, uploads } from './upload';
import { Boundary } from './ui/boundary';
import { Empty, Head, headingTakesFocus, Loading } from './ui/basic';
import { ask, Asking, Dialog } from './ui/dialog';
import { sayFailure, Toasts } from './ui/toast';

interface Entry {
  name: string;
  title: string;
  needs: Scope;
  page: (id?: string) => JSX.Element;
}

const ENTRIES: Entry[] = [
  { name: '', title: 'Overview', needs: 'read', page: () => <Overview /> },
  { name: 'results', title: 'Results', needs: 'read', page: (id) => (id ? <ResultPage key={id} id={id} /> : <Results />) },
  { name: 'jobs', title: 'Jobs', needs: 'read', page: (id) => (id ? <JobPage key={id} id={id} /> : <Jobs />) },
  { name: 'batches', title: 'Batches', needs: 'read', page: (id) => (id ? <BatchPage key={id} id={id} /> : <Batches />) },
  { name: 'upload', title: 'Upload', needs: 'write', page: () => <Upload /> },
  { name: 'trash', title: 'Trash', needs: 'read', page: () => <Trash /> },
  { name: 'keys', title: 'Keys', needs: 'admin', page: () => <Keys /> },
  { name: 'users', title: 'Users', needs: 'admin', page: () => <Users /> },
  { name: 'storages', title: 'Storages', needs: 'admin', page: () => <Storages /> },
];

// --- frame -----------------------------------------------------------------------------------------------------

function AwayBanner(): JSX.Element | null {
  const now = useStore(away);
  useTick(1, now !== null);
  if (!now) return null;
  const seconds = Math.max(0, Math.ceil((now.until - Date.now()) / 1000));
  return (
    <aside class="away" aria-label="The server">
      <span role="alert">{now.why} The page goes on by itself when it is back.</span>
      <span>{seconds > 0 ? `Next try in ${seconds} s.` : 'Trying…'}</span>
      <button type="button" class="small" onClick={tryNow}>
        Try now
      </button>
    </aside>
  );
}

function ThemeChoice(): JSX.Element {
  const chosen = useStore(theme);
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select value={chosen} onChange={(event) => theme.set(event.currentTarget.value)}>
        <option value="auto">System</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

function Nav({ here }: { here: string }): JSX.Element {
  const busy = useStore(uploads).filter(isBusy).length;
  const entries = ENTRIES.filter(({ needs }) => may(needs));
  const nav = useRef<HTMLElement>(null);
  // In a narrow window it is wider than the window.
  useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [here]);
  return (
    <nav aria-label="Pages" ref={nav}>
      <ul>
        {entries.map(({ name, title }) => (
          <li key={name}>
            <a href={`#/${name}`} aria-current={here === name ? 'page' : undefined}>
              {title}
              {name === 'upload' && busy > 0 && <span class="count">{busy}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Who(): JSX.Element {
  const now = useStore(session);
  const leave = () => {
    const open = uploads.get().filter(isOpen).length;
    if (open === 0) void signOut().catch(sayFailure);
    else
      ask({
        title: 'Sign out?',
        lost: <p>{plural(open, 'upload')} {open === 1 ? 'has' : 'have'} not arrived and will be left out. What has arrived stays.</p>,
        verb: 'Sign out',
        act: signOut,
      });
  };
  return (
    <div class="who">
      <span title={`scopes: ${now?.scopes.join(', ')}`}>
        <strong>{now?.project}</strong>
        <span class="muted">{now?.name}</span>
      </span>
      <button type="button" class="small" onClick={leave}>
        Sign out
      </button>
    </div>
  );
}

// --- keys ------------------------------------------------------------------------------------------------------

const KEYS: [string, string][] = [
  ['↑ ↓, Page, Home, End', 'move in a list or table'],
  ['← →', 'move between the cells of a table'],
  ['Enter', 'open the active row'],
  ['/', 'go to the first filter'],
  ['g then o, r, j, b, u, t', 'go to the overview, results, jobs, batches, upload, trash'],
  ['?', 'show this'],
];
const GOES: Record<string, string> = { o: '', r: 'results', j: 'jobs', b: 'batches', u: 'upload', t: 'trash' };
const letters = kept('letters', 'on');

function KeyHelp({ close }: { close: () => void }): JSX.Element {
  const on = useStore(letters) === 'on';
  return (
    <Dialog title="Keyboard" close={close}>
      <dl class="facts">
        {KEYS.map(([keys, words]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={on} onChange={(event) => letters.set(event.currentTarget.checked ? 'on' : 'off')} /> Single
        letters do this
      </label>
      <div class="buttons">
        <button type="button" class="primary" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, dialog') !== null;
}

function useLetters(help: () => void): void {
  const waitsForPlace = useRef(false);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (letters.get() !== 'on' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const place = waitsForPlace.current ? GOES[event.key] : undefined;
      waitsForPlace.current = event.key === 'g';
      if (place !== undefined) go(`#/${place}`);
      else if (event.key === '?') help();
      else if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLElement>('.filters input')?.focus();
      }
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, []);
}

// --- the page --------------------------------------------------------------------------------------------------

// A new page begins at its top; its heading takes the focus when it is there.
function useNewPage(path: string): void {
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) {
      scrollTo(0, 0);
      headingTakesFocus();
    }
    first.current = false;
  }, [path]);
}

function Signed(): JSX.Element {
  const { path, query } = usePlace();
  const [name = '', id] = path;
  const [helping, setHelping] = useState(false);
  useLetters(() => setHelping(true));
  useNewPage(path.join('/'));
  const entry = ENTRIES.find((one) => one.name === name);
  return (
    <div class="frame">
      <header class="top">
        <a class="brand" href="#/">
          <img src={icon} alt="" width={24} height={24} /> resultd
        </a>
        <Nav here={name} />
        <div class="foot-tools">
          <Who />
          <div class="tools">
            <ThemeChoice />
            <button type="button" class="small" onClick={() => setHelping(true)}>
              Keyboard
            </button>
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {!entry ? (
          <>
            <Head title="There is no such page" />
            <Empty>
              <a href="#/">To the overview</a>
            </Empty>
          </>
        ) : may(entry.needs) ? (
          <Boundary key={path.join('/')} at={String(query)} title={entry.title}>
            {entry.page(id)}
          </Boundary>
        ) : (
          <>
            <Head title={entry.title} />
            <Empty>The key of this session lacks the scope {entry.needs}, which this page needs.</Empty>
          </>
        )}
      </main>
      {helping && <KeyHelp close={() => setHelping(false)} />}
      <Asking />
    </div>
  );
}

function App(): JSX.Element {
  const now = useStore(session);
  const skip = (event: MouseEvent) => {
    event.preventDefault(); // the fragment is the place of the page
    document.getElementById('main')?.focus();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <AwayBanner />
      {now === undefined ? <Loading /> : now === null ? <SignIn /> : <Signed key={`${now.project} ${now.name}`} />}
      <MadeKey />
      <Toasts />
    </>
  );
}

const root = document.getElementById('app');
if (root)
  render(
    <Boundary title="resultd">
      <App />
    </Boundary>,
    root,
  );
void findSession();
