using System.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Workflows.DurableTask.Bench;

/// <summary>What the disk allows: rows of the size of the engine's, committed with synchronous=FULL.</summary>
internal static class Disk
{
    private const int RowBytes = 200;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(2);

    /// <summary>Rows a second at the given number of rows per commit, by the last measurement.</summary>
    public static Dictionary<int, double> RowsPerSecond { get; } = [];

    public static void Measure()
    {
        foreach (int rows in (int[])[1, 15, 150])
        {
            string folder = Directory.CreateTempSubdirectory("disk-").FullName;
            using (var connection = new SqliteConnection($"Data Source={folder}/raw.db;Pooling=False"))
            {
                connection.Open();
                Execute(connection, "PRAGMA journal_mode = WAL");
                Execute(connection, "PRAGMA synchronous = FULL");
                Execute(connection, "CREATE TABLE log (id INTEGER PRIMARY KEY, record BLOB NOT NULL)");
                RowsPerSecond[rows] = Write(connection, rows);
            }

            Directory.Delete(folder, recursive: true);
            Console.WriteLine(
                $"disk       raw SQLite, FULL, {rows,4} rows a commit   {RowsPerSecond[rows],8:F0} rows/s   "
                + $"{RowsPerSecond[rows] / rows,6:F0} commits/s");
        }
    }

    private static double Write(SqliteConnection connection, int rowsPerCommit)
    {
        using SqliteCommand insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO log (record) VALUES ($record)";
        insert.Parameters.AddWithValue("$record", new byte[RowBytes]);
        insert.Prepare();
        var watch = Stopwatch.StartNew();
        long written = 0;
        while (watch.Elapsed < Duration)
        {
            using SqliteTransaction transaction = connection.BeginTransaction();
            insert.Transaction = transaction;
            for (int row = 0; row < rowsPerCommit; row++)
            {
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
            written += rowsPerCommit;
        }

        return written / watch.Elapsed.TotalSeconds;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Constant texts only.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
