namespace Workflows.TestKit;

/// <summary>A PostgreSQL server of this test run, on loopback, in a temporary folder.</summary>
/// <remarks>PostgreSQL refuses to run as root, so root starts it as the user postgres or nobody.</remarks>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Superuser = "workflows";

    private static readonly string[] Folders =
        [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)];

    private readonly TemporaryFolder _folder = new("workflows-postgres-");
    private readonly ReservedPort _port = ReservedPort.Take();
    private readonly string _binaries;
    private readonly string? _user;
    private int _databases;
    private bool _isRunning;

    private PostgresServer(string binaries, string? user) => (_binaries, _user) = (binaries, user);

    private string Data => _folder["data"];

    /// <summary>Starts a server; skips the test if PostgreSQL is not installed.</summary>
    /// <returns>The server; disposal ends it.</returns>
    public static async Task<PostgresServer> StartOrSkipAsync()
    {
        var binaries = Find();
        Skipped.Unless(
            binaries is not null, "PostgreSQL is missing: initdb and pg_ctl are neither on the PATH nor below "
            + "/usr/lib/postgresql (apt-get install postgresql).");
        var user = Environment.UserName == "root" ? await UserAsync() : null;
        Skipped.Unless(
            Environment.UserName != "root" || user is not null,
            "PostgreSQL refuses to run as root, and there is neither a user 'postgres' nor a user 'nobody'.");
        var server = new PostgresServer(binaries, user);
        try
        {
            if (user is not null)
            {
                await RequireAsync("chown", [user, server._folder.Path], server._folder.Path);
            }

            await server.RunAsync(
                "initdb", "-D", server.Data, "-A", "trust", "-U", Superuser, "--no-sync", "-E", "UTF8");
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty database.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await RunAsync("createdb", "-h", "127.0.0.1", "-p", $"{_port.Number}", "-U", Superuser, name);
        return $"Host=127.0.0.1;Port={_port.Number};Database={name};Username={Superuser}";
    }

    /// <summary>Starts the server on the port that it had.</summary>
    public async Task StartAsync()
    {
        await RunAsync(
            "pg_ctl", "-D", Data, "-l", Path.Combine(_folder.Path, "log"), "-w", "-t", "120", "-o",
            $"-p {_port.Number} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off", "start");
        _isRunning = true;
    }

    /// <summary>Stops the server, and with it all connections.</summary>
    public async Task StopAsync()
    {
        _isRunning = false;
        await RunAsync("pg_ctl", "-D", Data, "-m", "fast", "-w", "stop");
    }

    /// <summary>Writes a database to a file, as an operator's backup does.</summary>
    /// <param name="connection">Its connection string.</param>
    /// <param name="name">Name of the file, in this server's folder.</param>
    /// <returns>The path.</returns>
    public async Task<string> DumpAsync(string connection, string name)
    {
        await RunAsync(
            "pg_dump", "-h", "127.0.0.1", "-p", $"{_port.Number}", "-U", Superuser, "-Fc", "-f", _folder[name],
            DatabaseOf(connection));
        return _folder[name];
    }

    /// <summary>Reads such a file into another database.</summary>
    /// <param name="connection">Its connection string.</param>
    /// <param name="path">The file.</param>
    public Task RestoreAsync(string connection, string path) => RunAsync(
        "pg_restore", "-h", "127.0.0.1", "-p", $"{_port.Number}", "-U", Superuser, "--exit-on-error", "-d",
        DatabaseOf(connection), path);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_isRunning)
        {
            await RunAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");
        }

        _folder.Dispose();
        _port.Dispose();
    }

    private static string DatabaseOf(string connection) => connection.Split(';')
        .Single(part => part.StartsWith("Database=", StringComparison.Ordinal))["Database=".Length..];

    private static string? Find() => Folders
        .Concat(Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql").Order(StringComparer.Ordinal)
                .Select(folder => Path.Combine(folder, "bin")) : [])
        .LastOrDefault(folder => File.Exists(Path.Combine(folder, "initdb"))
            && File.Exists(Path.Combine(folder, "pg_ctl")));

    private static async Task<string?> UserAsync()
    {
        foreach (var user in new[] { "postgres", "nobody" })
        {
            if ((await Command.RunAsync("id", ["-u", user])).ExitCode == 0)
            {
                return user;
            }
        }

        return null;
    }

    private static async Task RequireAsync(string program, IEnumerable<string> arguments, string folder)
    {
        var (code, output, error) = await Command.RunAsync(program, arguments, folder: folder);
        if (code != 0)
        {
            throw new InvalidOperationException($"{program} ended with {code}: {output} {error}");
        }
    }

    private Task RunAsync(string program, params string[] arguments)
    {
        var path = Path.Combine(_binaries, program);
        return _user is null
            ? RequireAsync(path, arguments, _folder.Path)
            : RequireAsync("runuser", ["-u", _user, "--", path, .. arguments], _folder.Path);
    }
}
