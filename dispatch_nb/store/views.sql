DROP VIEW IF EXISTS conversations_frame;

CREATE VIEW conversations_frame AS SELECT
    conversations.conversation_id AS conversation_id,
    conversations.title AS title,
    STRFTIME('%Y-%m-%dT%H:%M:%S', conversations.created_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', conversations.created_us % 1000000) AS created_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', conversations.updated_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', conversations.updated_us % 1000000) AS updated_at,
    conversations.source AS source,
    conversations.forked_from_id AS forked_from_id,
    conversations.forked_at_seq AS forked_at_seq,
    COALESCE(used.turn_count, 0) AS turn_count,
    COALESCE(used.step_count, 0) AS step_count,
    CASE WHEN conversations.last_seq > 4611686018427387904 THEN 4611686018427387904 ELSE conversations.last_seq END AS chunk_count,
    COALESCE(called.call_count, 0) AS tool_call_count,
    (SELECT GROUP_CONCAT(model, ', ') FROM (
    SELECT COALESCE(response_model, request_model) AS model FROM steps
    WHERE steps.conversation_id = conversations.conversation_id
        AND COALESCE(response_model, request_model) IS NOT NULL
    GROUP BY 1 ORDER BY MIN(steps.rowid))) AS models,
    used.input_tokens AS input_tokens,
    used.input_tokens - COALESCE(used.cache_read_tokens, 0) - COALESCE(used.cache_write_tokens, 0) AS uncached_input_tokens,
    used.output_tokens AS output_tokens,
    used.cache_read_tokens AS cache_read_tokens,
    used.cache_write_tokens AS cache_write_tokens,
    used.reasoning_tokens AS reasoning_tokens,
    used.input_tokens + used.output_tokens AS total_tokens,
    used.cost_usd AS cost_usd,
    used.cache_saved_usd AS cache_saved_usd,
    COALESCE(used.unpriced_step_count, 0) AS unpriced_step_count,
    CASE WHEN conversations.last_seq > 4611686018427387904 THEN 4611686018427387904 ELSE conversations.last_seq END AS last_seq,
    conversations.tags_json AS tags_json
FROM conversations
        LEFT JOIN (
    SELECT turns.conversation_id AS of_conversation, COUNT(*) AS turn_count,
        SUM(COALESCE(used.step_count, 0)) AS step_count,
        SUM(COALESCE(used.input_tokens, turns.input_tokens)) AS input_tokens,
        SUM(COALESCE(used.output_tokens, turns.output_tokens)) AS output_tokens,
        SUM(COALESCE(used.cache_read_tokens, turns.cache_read_tokens)) AS cache_read_tokens,
        SUM(COALESCE(used.cache_write_tokens, turns.cache_write_tokens)) AS cache_write_tokens,
        SUM(COALESCE(used.reasoning_tokens, turns.reasoning_tokens)) AS reasoning_tokens,
        SUM(COALESCE(used.cost_usd, CAST(turns.cost_usd AS DOUBLE PRECISION))) AS cost_usd,
        SUM(used.cache_saved_usd) AS cache_saved_usd,
        SUM(COALESCE(used.unpriced_step_count, 0)) AS unpriced_step_count
    FROM turns LEFT JOIN (
    SELECT turn_id AS of_turn, COUNT(*) AS step_count, MIN(requested_us) AS first_requested_us,
        SUM(COALESCE(gen_total_ms, (completed_us - requested_us) / 1000.0)) AS model_ms,
        SUM(input_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens,
        SUM(cache_read_tokens) AS cache_read_tokens,
        SUM(cache_write_tokens) AS cache_write_tokens,
        SUM(reasoning_tokens) AS reasoning_tokens,
        SUM(CAST(cost_usd AS DOUBLE PRECISION)) AS cost_usd,
        SUM(cache_saved_usd) AS cache_saved_usd,
        SUM(CASE WHEN cost_usd IS NULL THEN 1 ELSE 0 END) AS unpriced_step_count,
        CASE WHEN MIN(usage_source) = MAX(usage_source) THEN MIN(usage_source) END
            AS usage_source,
        MAX(CASE WHEN is_lower_bound OR input_tokens IS NULL THEN 1 ELSE 0 END) AS has_open_step
    FROM steps WHERE 1 = 1 GROUP BY turn_id
) used ON used.of_turn = turns.turn_id
    WHERE 1 = 1 GROUP BY turns.conversation_id
) used
            ON used.of_conversation = conversations.conversation_id
        LEFT JOIN (
            SELECT conversation_id AS of_conversation, COUNT(*) AS call_count
            FROM tool_calls WHERE 1 = 1 AND call_seq <= 4611686018427387904 GROUP BY conversation_id
        ) called ON called.of_conversation = conversations.conversation_id
        WHERE 1 = 1
        ORDER BY conversations.rowid;

DROP VIEW IF EXISTS turns_frame;

CREATE VIEW turns_frame AS SELECT
    turns.turn_id AS turn_id,
    turns.conversation_id AS conversation_id,
    turns.turn_index AS turn_index,
    turns.run_id AS run_id,
    turns.prompt_text AS prompt_text,
    (SELECT GROUP_CONCAT(text, CHAR(10, 10)) FROM (
    SELECT text FROM chunks
    WHERE chunks.conversation_id = turns.conversation_id AND chunks.turn_id = turns.turn_id
        AND role = 'assistant' AND chunk_type = 'text' ORDER BY seq)) AS output_text,
    turns.status AS status,
    turns.abort_reason AS abort_reason,
    STRFTIME('%Y-%m-%dT%H:%M:%S', turns.started_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', turns.started_us % 1000000) AS started_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', turns.first_chunk_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', turns.first_chunk_us % 1000000) AS first_chunk_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', turns.completed_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', turns.completed_us % 1000000) AS completed_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', turns.sealed_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', turns.sealed_us % 1000000) AS sealed_at,
    COALESCE(turns.duration_ms / 1000.0, (turns.completed_us - turns.started_us) / 1000000.0) AS duration_s,
    (turns.first_chunk_us - turns.started_us) / 1000000.0 AS time_to_first_chunk_s,
    called.tool_ms / 1000.0 AS tool_time_s,
    called.wait_ms / 1000.0 AS approval_wait_s,
    used.model_ms / 1000.0 AS model_time_s,
    (used.first_requested_us - turns.started_us) / 1000000.0 AS queue_time_s,
    COALESCE(used.step_count, 0) AS step_count,
    COALESCE(log.call_count, 0) AS tool_call_count,
    COALESCE(log.steer_count, 0) AS steer_count,
    log.first_seq AS first_seq,
    log.last_seq AS last_seq,
    COALESCE(used.input_tokens, turns.input_tokens) AS input_tokens,
    COALESCE(used.input_tokens, turns.input_tokens) - COALESCE(COALESCE(used.cache_read_tokens, turns.cache_read_tokens), 0) - COALESCE(COALESCE(used.cache_write_tokens, turns.cache_write_tokens), 0) AS uncached_input_tokens,
    COALESCE(used.output_tokens, turns.output_tokens) AS output_tokens,
    COALESCE(used.cache_read_tokens, turns.cache_read_tokens) AS cache_read_tokens,
    COALESCE(used.cache_write_tokens, turns.cache_write_tokens) AS cache_write_tokens,
    COALESCE(used.reasoning_tokens, turns.reasoning_tokens) AS reasoning_tokens,
    COALESCE(used.input_tokens, turns.input_tokens) + COALESCE(used.output_tokens, turns.output_tokens) AS total_tokens,
    COALESCE(used.cost_usd, CAST(turns.cost_usd AS DOUBLE PRECISION)) AS cost_usd,
    used.cache_saved_usd AS cache_saved_usd,
    COALESCE(used.unpriced_step_count, 0) AS unpriced_step_count,
    COALESCE(turns.usage_source, used.usage_source) AS usage_source,
    ((turns.is_lower_bound OR turns.status = 'running' OR COALESCE(used.has_open_step, 0) = 1)) AS is_lower_bound,
    turns.error_type AS error_type,
    turns.error_message AS error_message,
    turns.params_json AS params_json
FROM turns
        LEFT JOIN (
    SELECT turn_id AS of_turn, COUNT(*) AS step_count, MIN(requested_us) AS first_requested_us,
        SUM(COALESCE(gen_total_ms, (completed_us - requested_us) / 1000.0)) AS model_ms,
        SUM(input_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens,
        SUM(cache_read_tokens) AS cache_read_tokens,
        SUM(cache_write_tokens) AS cache_write_tokens,
        SUM(reasoning_tokens) AS reasoning_tokens,
        SUM(CAST(cost_usd AS DOUBLE PRECISION)) AS cost_usd,
        SUM(cache_saved_usd) AS cache_saved_usd,
        SUM(CASE WHEN cost_usd IS NULL THEN 1 ELSE 0 END) AS unpriced_step_count,
        CASE WHEN MIN(usage_source) = MAX(usage_source) THEN MIN(usage_source) END
            AS usage_source,
        MAX(CASE WHEN is_lower_bound OR input_tokens IS NULL THEN 1 ELSE 0 END) AS has_open_step
    FROM steps WHERE 1 = 1 GROUP BY turn_id
) used ON used.of_turn = turns.turn_id
        LEFT JOIN (
            SELECT turn_id AS of_turn, MIN(seq) AS first_seq, MAX(seq) AS last_seq,
                SUM(CASE WHEN chunk_type = 'tool-call' THEN 1 ELSE 0 END) AS call_count,
                COUNT(DISTINCT CASE WHEN role = 'user' THEN message_id END)
                    - MAX(CASE WHEN role = 'user' THEN 1 ELSE 0 END) AS steer_count
            FROM chunks WHERE 1 = 1 AND seq <= 4611686018427387904 GROUP BY turn_id
        ) log ON log.of_turn = turns.turn_id
        LEFT JOIN (
            SELECT turn_id AS of_turn, SUM(duration_ms) AS tool_ms,
                SUM(COALESCE(approval_wait_ms, (approved_us - requested_us) / 1000.0)) AS wait_ms
            FROM tool_calls WHERE 1 = 1 AND call_seq <= 4611686018427387904 GROUP BY turn_id
        ) called ON called.of_turn = turns.turn_id
        WHERE 1 = 1 ORDER BY turns.rowid;

DROP VIEW IF EXISTS steps_frame;

CREATE VIEW steps_frame AS SELECT
    steps.step_id AS step_id,
    steps.turn_id AS turn_id,
    steps.conversation_id AS conversation_id,
    steps.step_index AS step_index,
    steps.attempt AS attempt,
    steps.provider_name AS provider_name,
    steps.request_model AS request_model,
    steps.response_model AS response_model,
    steps.response_id AS response_id,
    CASE LOWER(COALESCE(steps.raw_finish_reason, steps.finish_reason)) WHEN 'stop' THEN 'stop' WHEN 'end_turn' THEN 'stop' WHEN 'stop_sequence' THEN 'stop' WHEN 'completed' THEN 'stop' WHEN 'eos' THEN 'stop' WHEN 'length' THEN 'length' WHEN 'max_tokens' THEN 'length' WHEN 'max_output_tokens' THEN 'length' WHEN 'model_context_window_exceeded' THEN 'length' WHEN 'tool_call' THEN 'tool_call' WHEN 'tool_calls' THEN 'tool_call' WHEN 'tool-call' THEN 'tool_call' WHEN 'tool-calls' THEN 'tool_call' WHEN 'tool_use' THEN 'tool_call' WHEN 'function_call' THEN 'tool_call' WHEN 'content_filter' THEN 'content_filter' WHEN 'content-filter' THEN 'content_filter' WHEN 'safety' THEN 'content_filter' WHEN 'refusal' THEN 'content_filter' WHEN 'error' THEN 'error' WHEN 'aborted' THEN 'aborted' WHEN 'interrupted' THEN 'aborted' WHEN 'cancelled' THEN 'aborted' END AS finish_reason,
    COALESCE(steps.raw_finish_reason, steps.finish_reason) AS raw_finish_reason,
    (steps.is_streaming) AS is_streaming,
    STRFTIME('%Y-%m-%dT%H:%M:%S', steps.requested_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', steps.requested_us % 1000000) AS requested_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', steps.first_chunk_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', steps.first_chunk_us % 1000000) AS first_chunk_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', steps.completed_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', steps.completed_us % 1000000) AS completed_at,
    COALESCE(steps.gen_total_ms / 1000.0, (steps.completed_us - steps.requested_us) / 1000000.0) AS duration_s,
    COALESCE(steps.ttft_ms / 1000.0, (steps.first_chunk_us - steps.requested_us) / 1000000.0) AS time_to_first_chunk_s,
    CASE WHEN steps.delta_count > 1 THEN COALESCE(steps.decode_ms / 1000.0, (steps.completed_us - steps.first_chunk_us) / 1000000.0) / (steps.delta_count - 1) END AS time_per_output_chunk_s,
    CASE WHEN CASE WHEN COALESCE(steps.decode_ms / 1000.0, (steps.completed_us - steps.first_chunk_us) / 1000000.0) > 0 THEN COALESCE(steps.decode_ms / 1000.0, (steps.completed_us - steps.first_chunk_us) / 1000000.0) ELSE COALESCE(steps.gen_total_ms / 1000.0, (steps.completed_us - steps.requested_us) / 1000000.0) END > 0 THEN steps.output_tokens / (CASE WHEN COALESCE(steps.decode_ms / 1000.0, (steps.completed_us - steps.first_chunk_us) / 1000000.0) > 0 THEN COALESCE(steps.decode_ms / 1000.0, (steps.completed_us - steps.first_chunk_us) / 1000000.0) ELSE COALESCE(steps.gen_total_ms / 1000.0, (steps.completed_us - steps.requested_us) / 1000000.0) END) END AS output_tokens_per_s,
    steps.delta_count AS delta_count,
    steps.chunk_count AS chunk_count,
    steps.input_tokens AS input_tokens,
    steps.input_tokens - COALESCE(steps.cache_read_tokens, 0) - COALESCE(steps.cache_write_tokens, 0) AS uncached_input_tokens,
    steps.output_tokens AS output_tokens,
    steps.cache_read_tokens AS cache_read_tokens,
    steps.cache_write_tokens AS cache_write_tokens,
    steps.reasoning_tokens AS reasoning_tokens,
    steps.input_tokens + steps.output_tokens AS total_tokens,
    CAST(steps.cost_usd AS DOUBLE PRECISION) AS cost_usd,
    steps.input_usd AS input_usd,
    steps.cache_read_usd AS cache_read_usd,
    steps.cache_write_usd AS cache_write_usd,
    steps.output_usd AS output_usd,
    steps.reasoning_usd AS reasoning_usd,
    steps.cache_saved_usd AS cache_saved_usd,
    steps.price_ref AS price_ref,
    steps.server_address AS server_address,
    steps.usage_source AS usage_source,
    (steps.is_lower_bound) AS is_lower_bound,
    steps.temperature AS temperature,
    steps.top_p AS top_p,
    steps.max_tokens AS max_tokens,
    steps.seed AS seed,
    steps.http_status AS http_status,
    steps.error_type AS error_type,
    steps.error_message AS error_message,
    steps.request_hash AS request_hash
FROM steps WHERE 1 = 1 AND 1 = 1
        ORDER BY steps.rowid;

DROP VIEW IF EXISTS messages_frame;

CREATE VIEW messages_frame AS SELECT
    message_id AS message_id,
    conversation_id AS conversation_id,
    turn_id AS turn_id,
    step_id AS step_id,
    message_index AS message_index,
    role AS role,
    content AS content,
    thinking AS thinking,
    tool_call_count AS tool_call_count,
    tool_call_id AS tool_call_id,
    (is_error) AS is_error,
    state AS state,
    first_seq AS first_seq,
    last_seq AS last_seq,
    STRFTIME('%Y-%m-%dT%H:%M:%S', (SELECT COALESCE(started_us, completed_us) FROM chunks
        WHERE chunks.conversation_id = messages.conversation_id
            AND chunks.seq = messages.first_seq) / 1000000, 'unixepoch') || PRINTF('.%06dZ', (SELECT COALESCE(started_us, completed_us) FROM chunks
        WHERE chunks.conversation_id = messages.conversation_id
            AND chunks.seq = messages.first_seq) % 1000000) AS created_at,
    LENGTH(COALESCE(content, '')) AS char_count,
    ((role = 'user' AND EXISTS (SELECT 1 FROM chunks
        WHERE chunks.conversation_id = messages.conversation_id AND chunks.role = 'user'
            AND chunks.turn_id = messages.turn_id AND chunks.seq < messages.first_seq))) AS is_steering
FROM (
    SELECT conversation_id, message_index, message_id, turn_id, step_id, role,
        MIN(seq) AS first_seq, MAX(seq) AS last_seq,
        COALESCE(GROUP_CONCAT(CASE WHEN chunk_type IN ('text', 'system') THEN text END, ''),
            GROUP_CONCAT(CASE WHEN chunk_type IN ('tool-result') THEN content END, '')) AS content,
        GROUP_CONCAT(CASE WHEN chunk_type IN ('thinking') THEN text END, '') AS thinking,
        SUM(chunk_type = 'tool-call') AS tool_call_count,
        CASE WHEN role = 'tool' THEN MIN(tool_call_id) END AS tool_call_id,
        MAX(COALESCE(is_error, 0)) AS is_error,
        CASE WHEN MAX(is_interrupted) THEN 'interrupted' ELSE 'complete' END AS state
    FROM (SELECT * FROM chunks ORDER BY conversation_id, seq)
    GROUP BY conversation_id, message_index) AS messages;

DROP VIEW IF EXISTS chunks_frame;

CREATE VIEW chunks_frame AS SELECT
    chunks.conversation_id AS conversation_id,
    chunks.seq AS seq,
    chunks.turn_id AS turn_id,
    chunks.step_id AS step_id,
    chunks.message_id AS message_id,
    chunks.chunk_index AS chunk_index,
    chunks.role AS role,
    chunks.chunk_type AS chunk_type,
    chunks.text AS text,
    chunks.tool_call_id AS tool_call_id,
    chunks.tool_name AS tool_name,
    chunks.input_json AS input_json,
    chunks.content AS content,
    (chunks.is_error) AS is_error,
    chunks.error_code AS error_code,
    STRFTIME('%Y-%m-%dT%H:%M:%S', chunks.started_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', chunks.started_us % 1000000) AS started_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', chunks.completed_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', chunks.completed_us % 1000000) AS completed_at,
    chunks.delta_count AS delta_count,
    length(COALESCE(chunks.text, chunks.content, chunks.input_json, '')) AS char_count,
    length(CAST(COALESCE(chunks.text, chunks.content, chunks.input_json, '') AS BLOB)) AS byte_count,
    (FALSE) AS is_partial,
    (chunks.is_interrupted) AS is_interrupted
FROM chunks WHERE 1 = 1 AND chunks.seq > 0 AND chunks.seq <= 4611686018427387904 ORDER BY chunks.rowid;

DROP VIEW IF EXISTS tool_calls_frame;

CREATE VIEW tool_calls_frame AS SELECT
    tool_calls.tool_call_id AS tool_call_id,
    tool_calls.conversation_id AS conversation_id,
    tool_calls.turn_id AS turn_id,
    tool_calls.step_id AS step_id,
    tool_calls.call_seq AS call_seq,
    answers.seq AS result_seq,
    tool_calls.tool_name AS tool_name,
    calls.input_json AS arguments_json,
    answers.content AS result,
    tool_calls.status AS status,
    (tool_calls.is_synthetic) AS is_synthetic,
    tool_calls.approval AS approval,
    STRFTIME('%Y-%m-%dT%H:%M:%S', tool_calls.requested_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', tool_calls.requested_us % 1000000) AS requested_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', tool_calls.approved_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', tool_calls.approved_us % 1000000) AS approved_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', tool_calls.started_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', tool_calls.started_us % 1000000) AS started_at,
    STRFTIME('%Y-%m-%dT%H:%M:%S', tool_calls.completed_us / 1000000, 'unixepoch') || PRINTF('.%06dZ', tool_calls.completed_us % 1000000) AS completed_at,
    COALESCE(tool_calls.duration_ms / 1000.0, (tool_calls.completed_us - tool_calls.started_us) / 1000000.0) AS duration_s,
    COALESCE(tool_calls.approval_wait_ms / 1000.0, (tool_calls.approved_us - tool_calls.requested_us) / 1000000.0) AS approval_wait_s,
    tool_calls.error_type AS error_type,
    tool_calls.error_message AS error_message,
    tool_calls.result_bytes AS result_bytes
FROM tool_calls
        JOIN chunks AS calls ON calls.conversation_id = tool_calls.conversation_id
            AND calls.seq = tool_calls.call_seq
        LEFT JOIN chunks AS answers ON answers.conversation_id = tool_calls.conversation_id
            AND answers.seq = tool_calls.result_seq AND answers.seq <= 4611686018427387904
        WHERE 1 = 1 AND tool_calls.call_seq <= 4611686018427387904
        ORDER BY tool_calls.rowid;

DROP VIEW IF EXISTS usage_frame;

CREATE VIEW usage_frame AS SELECT
    conversation_id AS conversation_id,
    turn_id AS turn_id,
    step_id AS step_id,
    model AS model,
    token_type AS token_type,
    tokens AS tokens,
    cost_usd AS cost_usd
FROM (SELECT conversation_id, turn_id, step_id,
        COALESCE(response_model, request_model) AS model, 'input' AS token_type,
        input_tokens AS tokens, input_usd AS cost_usd FROM steps UNION ALL SELECT conversation_id, turn_id, step_id,
        COALESCE(response_model, request_model) AS model, 'output' AS token_type,
        output_tokens AS tokens, output_usd AS cost_usd FROM steps UNION ALL SELECT conversation_id, turn_id, step_id,
        COALESCE(response_model, request_model) AS model, 'cache_read' AS token_type,
        cache_read_tokens AS tokens, cache_read_usd AS cost_usd FROM steps UNION ALL SELECT conversation_id, turn_id, step_id,
        COALESCE(response_model, request_model) AS model, 'cache_write' AS token_type,
        cache_write_tokens AS tokens, cache_write_usd AS cost_usd FROM steps UNION ALL SELECT conversation_id, turn_id, step_id,
        COALESCE(response_model, request_model) AS model, 'reasoning' AS token_type,
        reasoning_tokens AS tokens, reasoning_usd AS cost_usd FROM steps) AS used WHERE tokens IS NOT NULL;

