// SPDX-License-Identifier: Apache-2.0
// The objects of the native API, as docs/api-native.md has them.

export type Scope = 'read' | 'ack' | 'write' | 'delete' | 'admin';
export type State = 'available' | 'consumed' | 'expired';
export type Status = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

export interface Session {
  id: string; // of its key
  name: string;
  project: string;
  scopes: Scope[];
  expires_at: string | null;
}

export interface Result {
  id: string;
  job: string;
  project: string;
  batch: string | null;
  name: string;
  type: string;
  primary: boolean;
  media_type: string;
  size: number;
  md5: string;
  sha256: string;
  state: State;
  formats: string[];
  unavailable: Record<string, string> | null;
  preparing: { format: string; rows_done: number; rows: number } | null;
  rows: number | null;
  columns: number | null;
  storage: string;
  url: string;
  creator: string;
  created_at: string;
  consumed_at: string | null;
  expires_at: string | null;
  expired_at: string | null;
  deleted_at: string | null;
  keep: boolean;
  downloads: number;
  downloaded_at: string | null;
}

export interface JobResult {
  id: string;
  name: string;
  type: string;
  primary: boolean;
  state: State;
  size: number;
}

export interface Job {
  id: string;
  batch: string | null;
  kind: string;
  reference_id: string | null;
  tag: string | null;
  priority_weight: number;
  status: Status;
  progress: number;
  error: { code: string; message: string } | null;
  input: unknown;
  storage: string | null;
  creator: string;
  results: JobResult[];
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  deleted_at: string | null;
}

export interface Batch {
  id: string;
  name: string;
  description: string | null;
  created_at: string;
  jobs: Record<Status, number>;
}

export interface Count {
  results: number;
  bytes: number;
}

export interface Usage extends Count {
  by_state: Record<State, Count>;
  trash: Count;
  lifetimes: { results: number; consumed: number | null; trash: number }; // seconds
}

export interface HistoryStep {
  at: string;
  uploads: number;
  uploaded_bytes: number;
  downloads: number;
  downloaded_bytes: number;
  acks: number;
  expired: number;
  deleted: number;
  by_state: Record<State, Count>;
  trash: Count;
}

export interface History {
  step_seconds: number;
  data: HistoryStep[];
}

export interface Key {
  id: string;
  pk: number;
  name: string;
  scopes: Scope[];
  created_at: string;
  revoked_at: string | null;
  expires_at: string | null;
}

export interface User {
  pk: number;
  name: string;
  staff: boolean;
  active: boolean;
  created_at?: string;
}

export interface Storage {
  id: string;
  name: string;
  url: string;
  endpoint: string | null;
  region: string | null;
  path_style: boolean | null;
  deliver: 'proxy' | 'redirect';
  link_lifetime: number | null; // seconds
  default: boolean;
  credentials: { access_key_id: string };
  state: 'new' | 'valid' | 'invalid';
  created_at: string;
}

export interface Page<T> {
  data: T[];
  next: string | null;
}
