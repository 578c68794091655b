-- netrec.sql: macros for DuckDB that read captures correctly.
--
--   duckdb -c ".read scripts/netrec.sql" -c "from netrec_destinations('web-01.parquet') limit 10"
--
-- Counters in a capture are cumulative since the socket was opened, so a plain sum() counts a byte once per
-- snapshot. `file` is a path or a pattern such as 'captures/*.parquet'; `host_file` tells the files apart, as
-- conn_id is unique within one host and boot only.

-- Every row, as it is in the capture. Columns that an earlier version did not write are null.
create or replace macro netrec_rows(file) as table
select * exclude (filename), filename as host_file
from read_parquet(file, filename = true, union_by_name = true)
union all by name
select null::usmallint as protocol_number, null::varchar as query_name, null::varchar as query_type,
       null::varchar as response_code, null::varchar as answers, null::varchar as app_protocol,
       null::varchar as ja3, null::varchar as ja4, null::varchar as tls_subject, null::varchar as tls_issuer
where false;

-- One row per DNS query.
create or replace macro netrec_queries(file) as table
select host_file, ts, process_name, pid, exe, remote_addr as server, query_name, query_type, response_code, answers,
       rtt_us
from netrec_rows(file)
where kind = 'query';

-- One row per connection or socket and file.
--   existed_before       it was open when the recording began, so opened_at is unknown
--   bytes_*              since the socket was opened
--   bytes_*_recorded     within this file; these may be added up over the files of a rotated series
create or replace macro netrec_connections(file) as table
with rows as (
  select *, min(tick) over (partition by host_file) as first_tick
  from netrec_rows(file)
  where kind <> 'query'
),
connections as (
  select host_file, conn_id,
         any_value(protocol) as protocol,
         any_value(local_addr) as local_addr, any_value(local_port) as local_port,
         any_value(remote_addr) as remote_addr, any_value(remote_port) as remote_port,
         any_value(remote_name) as remote_name,
         arg_max(process_name, ts) as process_name, arg_max(pid, ts) as pid, arg_max(exe, ts) as exe,
         arg_max(cmdline, ts) as cmdline, arg_max(username, ts) as username,
         arg_max(parent_name, ts) as parent_name, arg_max(container, ts) as container,
         arg_max(exe_sha256, ts) as exe_sha256, arg_max(process_start, ts) as process_start,
         min(ts) as first_seen, max(ts) as last_seen,
         bool_or(state = 'LISTEN') as is_listener,
         arg_min(kind, (ts, kind <> 'opened')) = 'snapshot' and min(tick) = any_value(first_tick) as existed_before,
         bool_or(kind = 'closed') as was_closed,
         max(bytes_sent) as bytes_sent, max(bytes_received) as bytes_received,
         max(packets_sent) as packets_sent, max(packets_received) as packets_received,
         max(retransmits) as retransmits,
         arg_min(bytes_sent, ts) as first_sent, arg_min(bytes_received, ts) as first_received
  from rows
  group by host_file, conn_id
)
select * exclude (first_sent, first_received),
       case when existed_before then bytes_sent - first_sent else bytes_sent end as bytes_sent_recorded,
       case when existed_before then bytes_received - first_received else bytes_received end
         as bytes_received_recorded
from connections;

-- One row per connection and observation with counters: what was moved since the observation before.
-- The deltas of the first row of a connection that existed before the recording are null: unknown.
create or replace macro netrec_traffic(file) as table
with rows as (
  select host_file, conn_id, ts, tick, process_name, pid, protocol, local_addr, local_port, remote_addr, remote_port,
         bytes_sent, bytes_received, kind, min(tick) over (partition by host_file) as first_tick
  from netrec_rows(file)
  where kind <> 'query' and (bytes_sent is not null or bytes_received is not null)
),
steps as (
  select *,
         row_number() over w = 1 and kind = 'snapshot' and tick = first_tick as is_base,
         max(bytes_sent) over before as sent_before, max(bytes_received) over before as received_before,
         lag(ts) over w as ts_before
  from rows
  window w as (partition by host_file, conn_id order by ts, bytes_sent),
         before as (partition by host_file, conn_id order by ts, bytes_sent
                    rows between unbounded preceding and 1 preceding)
)
select host_file, conn_id, ts, tick, process_name, pid, protocol, local_addr, local_port, remote_addr, remote_port,
       case when not is_base then greatest(bytes_sent::bigint - coalesce(sent_before, 0)::bigint, 0) end
         as sent_delta,
       case when not is_base then greatest(bytes_received::bigint - coalesce(received_before, 0)::bigint, 0) end
         as received_delta,
       ts - ts_before as since_before
from steps;

-- One row per process and file. An unknown owner is a row of its own.
create or replace macro netrec_processes(file) as table
select host_file, process_name, pid, process_start, any_value(exe) as exe, any_value(username) as username,
       any_value(exe_sha256) as exe_sha256,
       count(*) filter (not is_listener) as connections, count(*) filter (is_listener) as listeners,
       count(distinct remote_addr) as destinations,
       sum(bytes_sent_recorded) as bytes_sent_recorded, sum(bytes_received_recorded) as bytes_received_recorded,
       min(first_seen) as first_seen, max(last_seen) as last_seen
from netrec_connections(file)
group by host_file, process_name, pid, process_start
order by bytes_sent_recorded desc nulls last, connections desc;

-- One row per remote address, port and protocol, over all files.
create or replace macro netrec_destinations(file) as table
select remote_addr, remote_port, protocol, any_value(remote_name) as remote_name,
       count(*) as connections, list(distinct process_name) as processes,
       sum(bytes_sent_recorded) as bytes_sent_recorded, sum(bytes_received_recorded) as bytes_received_recorded,
       min(first_seen) as first_seen, max(last_seen) as last_seen
from netrec_connections(file)
where remote_addr is not null
group by remote_addr, remote_port, protocol
order by bytes_sent_recorded desc nulls last, connections desc;
