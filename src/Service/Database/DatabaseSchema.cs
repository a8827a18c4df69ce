using System.Globalization;
using Npgsql;
using Workflows.Service.Hosting;

namespace Workflows.Service.Database;

/// <summary>
/// Brings the tables to this program's version. Each step is applied once, in a transaction of its own with the number
/// of its version, while no other service does the same.
/// </summary>
internal static class DatabaseSchema
{
    /// <summary>Key of the advisory lock of migrations, any number that is the same in all versions.</summary>
    private const long LockKey = 0x776f726b666c6f77;

    /// <summary>The steps; the first brings an empty database to version 1. They never change once published.</summary>
    private static readonly string[] Steps =
    [
        """
        CREATE TABLE workflows_books (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE);
        CREATE TABLE workflows_facts (
            book bigint NOT NULL REFERENCES workflows_books ON DELETE CASCADE,
            seq integer NOT NULL,
            kind text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            line text NOT NULL,
            writer uuid NOT NULL,
            written_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (book, seq),
            UNIQUE (book, kind, key));
        CREATE TABLE workflows_documents (
            name text COLLATE "C" PRIMARY KEY,
            content bytea NOT NULL,
            version bigint NOT NULL DEFAULT 1);
        CREATE FUNCTION workflows_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'facts are append-only' USING ERRCODE = 'restrict_violation'; END $$;
        CREATE TRIGGER workflows_facts_append_only BEFORE UPDATE ON workflows_facts
            FOR EACH ROW EXECUTE FUNCTION workflows_refuse_change();
        """,
        "ALTER TABLE workflows_documents ADD COLUMN written_at timestamptz NOT NULL DEFAULT now();",
        """
        CREATE TABLE workflows_log_lines (
            run text COLLATE "C" NOT NULL,
            seq bigint NOT NULL,
            writer text COLLATE "C" NOT NULL,
            number bigint NOT NULL,
            line text NOT NULL,
            PRIMARY KEY (run, seq),
            UNIQUE (run, writer, number));
        """,
    ];

    /// <summary>Gets the version of the tables that this program uses.</summary>
    public static int Version => Steps.Length;

    /// <summary>Applies the steps that are missing.</summary>
    /// <param name="connection">An open connection.</param>
    /// <exception cref="ServiceStartException">The tables are those of a newer program.</exception>
    public static void Migrate(NpgsqlConnection connection)
    {
        Run(connection, null, $"SELECT pg_advisory_lock({LockKey})");
        try
        {
            Run(connection, null, """
                CREATE TABLE IF NOT EXISTS workflows_schema (
                    version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
                """);
            using var read = new NpgsqlCommand("SELECT coalesce(max(version), 0) FROM workflows_schema", connection);
            var version = (int)read.ExecuteScalar()!;
            if (version > Version)
            {
                throw new ServiceStartException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The tables of Workflows:Database have version {version}, and this program knows {Version} at "
                    + $"most: a newer service has migrated them. Use that version of the service, or restore the "
                    + $"backup from before the upgrade."));
            }

            for (var step = version; step < Version; step++)
            {
                using var transaction = connection.BeginTransaction();
                Run(connection, transaction, Steps[step]);
                Run(connection, transaction, string.Create(
                    CultureInfo.InvariantCulture, $"INSERT INTO workflows_schema (version) VALUES ({step + 1})"));
                transaction.Commit();
            }
        }
        finally
        {
            // Not left to the pool, which keeps the connection, and its lock, open. One that is broken has no lock, and
            // its own fault is the one to be told.
            if (connection.FullState == System.Data.ConnectionState.Open)
            {
                Run(connection, null, $"SELECT pg_advisory_unlock({LockKey})");
            }
        }
    }

    // The texts are this class's own, and have numbers of its own only.
#pragma warning disable CA2100
    private static void Run(NpgsqlConnection connection, NpgsqlTransaction? transaction, string text)
    {
        using var command = new NpgsqlCommand(text, connection, transaction);
        command.ExecuteNonQuery();
    }
#pragma warning restore CA2100
}
