namespace Holdfast.Authority.DirectoryMoving;

/// <summary>The tables of the directory that move with it, and their keys.</summary>
internal static class DirectoryTables
{
    private static readonly Dictionary<string, string[]> _keys = new()
    {
        ["operators"] = ["name"],
        ["accounts"] = ["account_id"],
        ["enrolment_codes"] = ["code_hash"],
        ["jobs"] = ["job_id"],
        ["samples"] = ["metric", "subject", "day"],
        ["audit"] = ["number"],
        ["audit_end"] = ["one"],
        ["directory_marks"] = ["name"],
        ["people"] = ["person_id"],
        ["used_authenticator_codes"] = ["person_id", "code_hash"],
        ["recovery_codes"] = ["person_id", "code_hash"],
        ["passkeys"] = ["credential_id"],
        ["provider_logins"] = ["provider", "subject"],
        ["sign_ins"] = ["sign_in_id"],
        ["api_tokens"] = ["token_id"],
        ["organisations"] = ["organisation_id"],
        ["members"] = ["organisation_id", "person_id"],
        ["one_time_codes"] = ["code_hash"],
        ["attempts"] = ["attempt_key"],
        ["outbox"] = ["mail_id"],
        ["closures"] = ["account_id"],
        ["idempotency_keys"] = ["key_id"],
        ["escrow_keys"] = ["fingerprint"],
        ["gate"] = ["name"],
        ["gate_nodes"] = ["node"],
        ["admissions"] = ["account_id", "computer"],
        ["throttles"] = ["id"],
        ["permission_changes"] = ["tree"],
        ["actuals"] = ["id"],
        ["moves"] = ["move_id"],
        ["move_accounts"] = ["move_id", "account_id"],
        ["plans"] = ["name", "version"],
        ["account_plans"] = ["account_id", "from_day"],
        ["customers"] = ["account_id"],
        ["invoices"] = ["number"],
        ["invoice_end"] = ["one"],
        ["invoices_left"] = ["account_id", "month"],
        ["payments"] = ["payment_id"],
        ["outages"] = ["outage_id"],
        ["restorers"] = ["name"],
        ["prepared_restores"] = ["restore_id"],
        ["browsing_sessions"] = ["session_id"],
        ["alerts"] = ["alert_id"],
        ["webhooks"] = ["webhook_id"],
        ["deliveries"] = ["delivery_id"],
        ["notices"] = ["account_id", "computer", "topic"],
        ["mail_choices"] = ["person_id", "topic"],
        ["drills"] = ["account_id"],
        ["quotas"] = ["account_id", "computer"],
        ["windows"] = ["window_id"],
        ["window_steps"] = ["window_id", "position"],
        ["window_events"] = ["window_id", "number"],
    };

    public static IReadOnlyList<string> Names { get; } = [.. _keys.Keys];

    public static IReadOnlyList<string> KeyOf(string table) => _keys[table];
}
