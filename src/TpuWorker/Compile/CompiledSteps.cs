using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;
using Workflows.TpuWorker.Pjrt.Processes;

namespace Workflows.TpuWorker.Compile;

/// <summary>
/// Compiles the programs of runs for TPUs, one run at a time in a child process, and keeps the figures on disk. A
/// plugin that is missing, hangs, aborts, answers nonsense or compiles for other devices gives a reason in place of
/// figures.
/// </summary>
/// <param name="options">The child, the plugin and the folder.</param>
public sealed class CompiledSteps(CompiledStepsOptions options) : IDisposable
{
    /// <summary>Programs of a report: the training step and two of decoding.</summary>
    private const int ProgramCount = 3;

    /// <summary>Most failures that are remembered; beyond it they are forgotten, and tried again.</summary>
    private const int MostFaults = 1000;

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly ConcurrentDictionary<string, string> _faults = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _told = new(StringComparer.Ordinal);

    /// <summary>Returns the figures of a run's programs, compiled now or before.</summary>
    /// <param name="request">Sizes and topology; its own plugin is not used.</param>
    /// <param name="cancellation">Ends the compiler.</param>
    /// <returns>The figures, or the reason why there are none.</returns>
    public async Task<CompiledStep> FindAsync(CompileRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        string? plugin = null;
        try
        {
            plugin = PjrtPluginFile.Find(options.Plugin, hasChips: true, options.Environment)?.Path;
            if (plugin is null)
            {
                return new CompiledStep(
                    null, "no compiler for TPUs is installed (eng/get-pjrt-plugin.sh libtpu) or named");
            }

            var compiler = new StepCompiler(options.Child) { Deadline = options.Deadline, RequiresTpu = true };
            var identity = IdentityOf(plugin);
            var key = KeyOf(await compiler.RunAsync(request, plugin: null, cancellation), identity);
            await _one.WaitAsync(cancellation);
            try
            {
                return await FindAsync(compiler, request, plugin, identity, key, cancellation);
            }
            finally
            {
                _one.Release();
            }
        }
        catch (Exception exception)
            when (exception is PjrtPluginException or CompileException or IOException or UnauthorizedAccessException)
        {
            return Fail(plugin ?? options.Plugin ?? "", exception.Message);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private async Task<CompiledStep> FindAsync(
        StepCompiler compiler, CompileRequest request, string plugin, string identity, string key,
        CancellationToken cancellation)
    {
        var path = Path.Combine(options.Folder, $"{key}.json");
        if (Read(path, key) is { } kept)
        {
            return new CompiledStep(kept, null);
        }

        // A plugin that hung is not tried again, and one that failed otherwise not with the same programs.
        if (_faults.TryGetValue(identity, out var known) || _faults.TryGetValue(key, out known))
        {
            return new CompiledStep(null, known);
        }

        try
        {
            var report = await compiler.RunAsync(request, plugin, cancellation);
            Write(path, new Kept(key, report));
            return new CompiledStep(report, null);
        }
        catch (CompileException exception)
        {
            if (_faults.Count >= MostFaults)
            {
                _faults.Clear();
            }

            var isHang = exception.InnerException is ChildFaultException { Fault: ChildFault.Hang };
            _faults[isHang ? identity : key] = exception.Message;
            return Fail(identity, exception.Message);
        }
    }

    private CompiledStep Fail(string plugin, string why)
    {
        why = why.ReplaceLineEndings(" ");
        if (_told.TryAdd(plugin, true))
        {
            options.OnFault?.Invoke(why);
        }

        return new CompiledStep(null, why);
    }

    /// <summary>Identifies a plugin without loading it: another version has another size or another time.</summary>
    private static string IdentityOf(string plugin)
    {
        var file = new FileInfo(plugin);
        return string.Create(
            CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}");
    }

    /// <summary>Makes the key of programs: their texts hold model, shapes and method.</summary>
    private static string KeyOf(CompileReport counted, string plugin) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Join('\n', [
            plugin, counted.Topology, $"{counted.Chips}", .. counted.Programs.Select(each => each.Hash),
        ]))));

    private static CompileReport? Read(string path, string key)
    {
        try
        {
            return JsonSerializer.Deserialize<Kept>(File.ReadAllBytes(path)) is { Report: { } report } kept
                && kept.Key == key && report.Programs is { Count: ProgramCount }
                && report.Programs.All(each => each is { Refusal: not null } or { Memory.IsPossible: true })
                ? report
                : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            // A file that is missing or damaged costs a compilation.
            return null;
        }
    }

    private void Write(string path, Kept kept)
    {
        try
        {
            Directory.CreateDirectory(options.Folder);
            var aside = $"{path}.{Path.GetRandomFileName()}";
            File.WriteAllBytes(aside, JsonSerializer.SerializeToUtf8Bytes(kept));
            File.Move(aside, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The figures are used all the same; only the next plan compiles again.
            Fail(options.Folder, $"The figures of compiled programs cannot be kept: {exception.Message}");
        }
    }

    private sealed record Kept(string Key, CompileReport Report);
}

/// <summary>Figures of a run's compiled programs.</summary>
/// <param name="Report">The figures; null if there are none.</param>
/// <param name="Why">Reason why there are none; null if there are.</param>
public sealed record CompiledStep(CompileReport? Report, string? Why);

/// <summary>Settings of <see cref="CompiledSteps"/>.</summary>
public sealed record CompiledStepsOptions
{
    /// <summary>Gets the command line of a process that runs <see cref="CompileChild"/>.</summary>
    public required IReadOnlyList<string> Child { get; init; }

    /// <summary>Gets the folder of the kept figures, which may be deleted at any time.</summary>
    public required string Folder { get; init; }

    /// <summary>Gets the plugin.</summary>
    /// <value>
    /// A path, or <c>libtpu</c> for an installed one; null for the one of <c>WORKFLOWS_PJRT_PLUGIN</c> or
    /// <c>TPU_LIBRARY_PATH</c>, else an installed libtpu, if there is one.
    /// </value>
    public string? Plugin { get; init; }

    /// <summary>Gets the longest compilation of one program.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Gets the function that returns environment variables by their names.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    /// <summary>Gets the receiver of failures: the first of each plugin.</summary>
    public Action<string>? OnFault { get; init; }
}
