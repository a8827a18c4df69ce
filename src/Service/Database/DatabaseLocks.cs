using Npgsql;
using Workflows.Activities.Storage;

namespace Workflows.Service.Database;

/// <summary>
/// Locks that all services of a database share: PostgreSQL's advisory locks, all of a service held by one connection,
/// whose end frees them. A lock that is taken elsewhere is tried again.
/// </summary>
/// <remarks>If that connection is lost while a lock is held, another service may take it too early. Each user of a lock
/// therefore has a constraint below it, of the engine or of the tables, or names what may happen then.</remarks>
internal sealed class DatabaseLocks(DatabaseAccess access) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50), Look = TimeSpan.FromSeconds(1);

    private readonly NamedLocks _local = new();
    private readonly SemaphoreSlim _one = new(1);
    private NpgsqlConnection? _connection;

    /// <summary>Waits until no caller of any service holds a name.</summary>
    public async Task<IDisposable> WaitAsync(string name, CancellationToken cancellation)
    {
        var local = await LocalAsync(name, cancellation);
        try
        {
            while (!await TryAsync(name, cancellation))
            {
                await Task.Delay(Pause, cancellation);
            }

            return new Held(this, name, local);
        }
        catch
        {
            local.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _connection?.Dispose();
        _one.Dispose();
    }

    /// <summary>Waits for the other callers of this service. A request gives up with the database, for which the
    /// holder may wait longer.</summary>
    private async Task<IDisposable> LocalAsync(string name, CancellationToken cancellation)
    {
        if (!DatabaseAccess.IsForARequest)
        {
            return await _local.WaitAsync(name, cancellation);
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var waiting = _local.WaitAsync(name, end.Token);
        while (await Task.WhenAny(waiting, Task.Delay(Look, end.Token)) != waiting)
        {
            if (!access.MayWait())
            {
                await end.CancelAsync();
                await ((Task)waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                (waiting.IsCompletedSuccessfully ? await waiting : null)?.Dispose();
                throw access.Fault(new TimeoutException($"The holder of '{name}' waits for it."));
            }
        }

        return await waiting;
    }

    private async Task<bool> TryAsync(string name, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            // Tried again by the caller, so that nobody waits here for as long as another may wait for the database.
            return access.Use(_ => Ask("SELECT pg_try_advisory_lock(hashtextextended($1, 2))", name), TimeSpan.Zero);
        }
        catch (DatabaseException exception) when (exception.IsOfTheConnection && access.MayWait())
        {
            return false;
        }
        finally
        {
            _one.Release();
        }
    }

    private void Free(string name)
    {
        _one.Wait();
        try
        {
            // A connection that was lost has freed it already.
            if (_connection is not null)
            {
                Ask("SELECT pg_advisory_unlock(hashtextextended($1, 2))", name);
            }
        }
        catch (NpgsqlException)
        {
            // The next lock opens another connection.
        }
        finally
        {
            _one.Release();
        }
    }

    private bool Ask(string text, string name)
    {
        try
        {
            _connection ??= access.Source.OpenConnection();
            // One of the two texts above.
#pragma warning disable CA2100
            using var command = new NpgsqlCommand(text, _connection) { Parameters = { new() { Value = name } } };
#pragma warning restore CA2100
            return (bool)command.ExecuteScalar()!;
        }
        catch
        {
            _connection?.Dispose();
            _connection = null;
            throw;
        }
    }

    private sealed class Held(DatabaseLocks locks, string name, IDisposable local) : IDisposable
    {
        public void Dispose()
        {
            try
            {
                locks.Free(name);
            }
            finally
            {
                local.Dispose();
            }
        }
    }
}
