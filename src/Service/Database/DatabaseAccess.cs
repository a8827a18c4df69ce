using System.Net.Sockets;
using Npgsql;

namespace Workflows.Service.Database;

/// <summary>
/// Uses the connections of a database, and repeats work whose connection was lost for as long as a restart of the
/// database takes.
/// </summary>
internal sealed partial class DatabaseAccess : IDisposable
{
    /// <summary>Most connections of one service, unless the connection string has a number: PostgreSQL lets in 100 in
    /// all unless it is set otherwise.</summary>
    private const int MostConnections = 20;

    /// <summary>Most seconds for opening a connection and for a statement, unless the connection string says
    /// another.</summary>
    private const int ConnectSeconds = 5, StatementSeconds = 15;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>Most time for which a service that starts, or a command, waits for the database.</summary>
    public static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(15);

    /// <summary>Most time for which a request waits: its caller is told, and asks again.</summary>
    private readonly TimeSpan _requestPatience;

    private static readonly AsyncLocal<bool> IsOfARequest = new();

    private readonly TimeSpan _patience;
    private readonly ILogger _logger;

    /// <summary>Time of the first fault of an outage, as ticks of the clock's timestamp; 0 while it answers.</summary>
    private long _awaySince;

    /// <summary>Time of the end of the last outage, in ticks; 0 for none.</summary>
    private long _backAt;

    /// <summary>Prepares the connections.</summary>
    /// <param name="connection">A connection string of Npgsql.</param>
    /// <param name="patience">Most time from the first fault for which work is repeated.</param>
    /// <param name="logger">Receives the first fault of an outage.</param>
    /// <param name="requestPatience">Most time for which a request waits; null for 5 seconds.</param>
    /// <exception cref="ArgumentException">The string is not valid.</exception>
    public DatabaseAccess(
        string connection, TimeSpan patience, ILogger logger, TimeSpan? requestPatience = null)
    {
        (_patience, _logger) = (patience, logger);
        _requestPatience = requestPatience ?? TimeSpan.FromSeconds(5);
        var settings = new NpgsqlConnectionStringBuilder(connection);
        if (!connection.Contains("pool", StringComparison.OrdinalIgnoreCase))
        {
            settings.MaxPoolSize = MostConnections;
        }

        if (!connection.Contains("timeout", StringComparison.OrdinalIgnoreCase))
        {
            (settings.Timeout, settings.CommandTimeout) = (ConnectSeconds, StatementSeconds);
        }

        settings.ApplicationName ??= "workflows";
        settings.PersistSecurityInfo = false;
        Source = NpgsqlDataSource.Create(settings);
        Name = $"{settings.Database ?? settings.Username} at {settings.Host}";
    }

    /// <summary>Lets the calls of requests wait for a shorter time than those of runs.</summary>
    /// <param name="application">The application.</param>
    /// <param name="port">The API's port.</param>
    public static void HurryRequests(WebApplication application, int port) => application.Use((context, next) =>
    {
        HurryThisCall(context.Connection.LocalPort == port);
        return next(context);
    });

    /// <summary>Lets the calls of the current flow wait as those of requests do.</summary>
    internal static void HurryThisCall(bool isOfARequest = true) => IsOfARequest.Value = isOfARequest;

    /// <summary>Gets the connections.</summary>
    public NpgsqlDataSource Source { get; }

    /// <summary>Gets the time of the end of the last outage; the beginning of all times for none.</summary>
    public DateTimeOffset BackAt => new(Interlocked.Read(ref _backAt), TimeSpan.Zero);

    /// <summary>Gets database and host, without user and password.</summary>
    public string Name { get; }

    /// <summary>Does work on a connection, and repeats it if the connection was lost.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="work">The work, which does no harm when it is repeated.</param>
    /// <param name="most">Most time for which it is repeated, if that is less than for other work.</param>
    /// <returns>The result.</returns>
    /// <exception cref="DatabaseException">The database does not answer, or refuses.</exception>
    public T Use<T>(Func<NpgsqlConnection, T> work, TimeSpan? most = null)
    {
        var pause = FirstPause;
        while (true)
        {
            try
            {
                using var connection = Source.OpenConnection();
                var result = work(connection);
                NoteAnswer();
                return result;
            }
            catch (Exception exception) when (
                IsOfTheConnection(exception) && MayWait(exception, pause, most ?? _patience))
            {
                // The callers are threads of activities and requests, which wait for a disk in the same way.
                Thread.Sleep(pause);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
            catch (Exception exception) when (exception is NpgsqlException or SocketException or TimeoutException)
            {
                throw Fault(exception);
            }
        }
    }

    /// <summary>Notes that the database answers, which ends an outage: callers of the next one wait anew.</summary>
    public void NoteAnswer()
    {
        if (Interlocked.Exchange(ref _awaySince, 0) != 0)
        {
            Interlocked.Exchange(ref _backAt, TimeProvider.System.GetUtcNow().UtcTicks);
        }
    }

    /// <summary>Does work while no other thread of this service does the like. A request waits no longer for it than
    /// for the database itself, on which the other thread may wait.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="one">The lock.</param>
    /// <param name="work">The work.</param>
    /// <returns>The result.</returns>
    /// <exception cref="DatabaseException">The other thread takes too long.</exception>
    public T Alone<T>(Lock one, Func<T> work)
    {
        if (!one.TryEnter(IsOfARequest.Value ? _requestPatience : Timeout.InfiniteTimeSpan))
        {
            throw Fault(new TimeoutException("Another call waits for it."));
        }

        try
        {
            return work();
        }
        finally
        {
            one.Exit();
        }
    }

    /// <summary>Gets a value indicating whether the caller is a request, which waits for a shorter time.</summary>
    public static bool IsForARequest => IsOfARequest.Value;

    /// <summary>Returns whether the caller may go on waiting: the database answers, or is not away for long.</summary>
    public bool MayWait()
    {
        var since = Interlocked.Read(ref _awaySince);
        return since == 0 || TimeProvider.System.GetElapsedTime(since) < PatienceOf(_patience);
    }

    /// <summary>Wraps a fault of the database.</summary>
    public DatabaseException Fault(Exception exception) => new(
        $"The database {Name} does not answer, or refuses: {exception.Message}", exception);

    /// <inheritdoc />
    public void Dispose() => Source.Dispose();

    /// <summary>Returns whether a fault is one of a connection or of a server that starts, stops or is full, and not
    /// of the statement.</summary>
    internal static bool IsOfTheConnection(Exception exception) => exception switch
    {
        PostgresException fault => fault.SqlState is PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
            or PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.DeadlockDetected
            or PostgresErrorCodes.SerializationFailure || fault.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException or SocketException or TimeoutException => true,
        _ => false,
    };

    /// <summary>Returns whether an outage is still so short that callers wait for its end. Later ones fail at once,
    /// so that the threads of a service are not all waiting.</summary>
    private bool MayWait(Exception exception, TimeSpan pause, TimeSpan most)
    {
        var now = TimeProvider.System.GetTimestamp();
        var since = Interlocked.CompareExchange(ref _awaySince, now, 0);
        if (since == 0)
        {
            Log.Away(_logger, Name, exception.Message);
        }

        return TimeProvider.System.GetElapsedTime(since == 0 ? now : since, now) + pause < PatienceOf(most);
    }

    private TimeSpan PatienceOf(TimeSpan most) =>
        new[] { _patience, most, IsOfARequest.Value ? _requestPatience : most }.Min();

    private static partial class Log
    {
        [LoggerMessage(4600, LogLevel.Warning, "The database {Name} does not answer, and is asked again: {Reason}")]
        public static partial void Away(ILogger logger, string name, string reason);
    }
}

/// <summary>The exception for a database that does not answer, or refuses. As with a full disk, nothing is known of the
/// write, and it may be repeated.</summary>
internal sealed class DatabaseException(string message, Exception inner) : IOException(message, inner)
{
    /// <summary>Gets a value indicating whether the connection was lost, and not a statement refused.</summary>
    public bool IsOfTheConnection => DatabaseAccess.IsOfTheConnection(InnerException!);
}
