// SPDX-License-Identifier: Apache-2.0
// A worker and a client, written against nothing but the types that a generator made of the description.
import createClient from "openapi-fetch";
import type { components, paths } from "./native.js";

const { RESULTD_URL: baseUrl, RESULTD_KEY: key } = process.env as Record<string, string>;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

function need<T>(answer: { data?: T; error?: components["schemas"]["Problem"]; response: Response }): T {
  if (answer.error !== undefined) throw new Error(`${answer.response.status} ${answer.error.code}: ${answer.error.detail}`);
  return answer.data as T;
}

const batch = need(await api.POST("/api/v1/batches", { body: { name: "november" } }));
const made = need(
  await api.POST("/api/v1/jobs", { body: { kind: "scrape", batch: batch.id, input: { url: "https://site.example/" } } }),
);
const claimed = need(await api.POST("/api/v1/jobs/claim", { body: { kinds: ["scrape"], lease_seconds: 60 } }));
if (claimed?.id !== made.id) throw new Error("another job was claimed");

const bytes = "id,price\n1,1.10\n2,2.50\n";
const uploaded = need(
  await api.PUT("/api/v1/jobs/{id}/results/{name}", {
    params: { path: { id: claimed.id, name: "rows.csv" }, query: { primary: true } },
    body: bytes as never,
    bodySerializer: (body: unknown) => body as string,
    headers: { "Content-Type": "text/csv" },
  }),
);
need(await api.POST("/api/v1/jobs/{id}/progress", { params: { path: { id: made.id } }, body: { progress: 1, lease: claimed.lease } }));
const done = need(await api.POST("/api/v1/jobs/{id}/finish", { params: { path: { id: made.id } }, body: { lease: claimed.lease } }));
if (done.status !== "completed" || done.results[0]?.id !== uploaded.id) throw new Error("the job has not ended well");

const page = need(await api.GET("/api/v1/results", { params: { query: { batch: batch.id, state: "available" } } }));
if (page.data.length !== 1 || page.next !== null) throw new Error("the list is not of one");
const rows = need(await api.GET("/api/v1/results/{id}/rows", { params: { path: { id: uploaded.id }, query: { where: ["price>2"] } } }));
if (JSON.stringify(rows.rows) !== "[[2,2.5]]" || rows.columns[1]?.name !== "price") throw new Error(JSON.stringify(rows));
const text = await api.GET("/api/v1/results/{id}/content", { params: { path: { id: uploaded.id } }, parseAs: "text" });
if ((text.data as unknown) !== bytes) throw new Error("other bytes came back");
const acked = need(await api.POST("/api/v1/results/{id}/ack", { params: { path: { id: uploaded.id } }, body: { sha256: uploaded.sha256 } }));
if (acked.state !== "consumed" || acked.consumed_at === null) throw new Error("it is not consumed");

const refused = await api.GET("/api/v1/jobs/{id}", { params: { path: { id: "nothing" } } });
if (refused.error?.code !== "not_found") throw new Error("a problem was expected");
console.log("delivered", uploaded.name, uploaded.size);
