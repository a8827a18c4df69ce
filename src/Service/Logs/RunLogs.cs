using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Logs;

/// <summary>
/// Keeps the newest lines that service and workers wrote about each run, in <c>logs/</c> of the run's folder: for each
/// of both a file and the one before it, of 4 MiB at most. The lines of a run are numbered in the order in which they
/// arrive. A line that the disk refuses is lost and counted.
/// </summary>
/// <param name="ledger">The ledger; only runs that it knows have logs.</param>
/// <param name="mostBytes">Most bytes of a file.</param>
internal sealed class RunLogs(RunLedger ledger, long mostBytes = RunLogs.MostBytes) : IRunLogs
{
    /// <summary>Most bytes of a file; two for each source are kept.</summary>
    public const int MostBytes = 4 << 20;

    /// <summary>Most characters of a line's text.</summary>
    public const int MostText = 4000;

    private readonly ConcurrentDictionary<RunId, Book> _books = new();

    /// <summary>Gets 0: lines before a run's end are on disk then.</summary>
    public int LooksAfterEnd => 0;

    /// <inheritdoc />
    public void Begin(RunId runId) => BookOf(runId);

    /// <summary>Writes a line of the service about a run. Whoever logs never waits for anything but this machine's
    /// disk, since it may be handling a fault of the ledger's store.</summary>
    /// <param name="runId">The run; if it is not known here, nothing is written.</param>
    /// <param name="line">The line, without its number.</param>
    public void Append(RunId runId, LogLine line)
    {
        if (_books.ContainsKey(runId) || Directory.Exists(ledger.PathOf(runId)))
        {
            BookOf(runId).Append([line]);
        }
    }

    /// <inheritdoc />
    public (long Number, bool Again)? Append(RunId runId, string nodeId, string boot, IReadOnlyList<LogLine> lines) =>
        _books.ContainsKey(runId) || ledger.Knows(runId) ? BookOf(runId).AppendOnce(nodeId, boot, lines) : null;

    /// <inheritdoc />
    public long Last(RunId runId) => ledger.Knows(runId) ? BookOf(runId).Last() : 0;

    /// <inheritdoc />
    public IReadOnlyList<LogLine> Tail(RunId runId, LogFilter filter, long last, int count)
    {
        var lines = new List<LogLine>();
        using var open = new OpenFiles(FolderOf(runId));
        foreach (var line in open.Backward())
        {
            if (lines.Count == count)
            {
                break;
            }

            if (line.Sequence <= last && filter.Has(line))
            {
                lines.Add(line);
            }
        }

        lines.Reverse();
        return lines;
    }

    /// <inheritdoc />
    public IReadOnlyList<LogLine> After(RunId runId, LogFilter filter, long after, long last, int count)
    {
        using var open = new OpenFiles(FolderOf(runId));
        return [.. open.After(after).TakeWhile(line => line.Sequence <= last).Where(filter.Has).Take(count)];
    }

    /// <inheritdoc />
    public void Forget(RunId runId) => _books.TryRemove(runId, out _);

    private Book BookOf(RunId runId) => _books.GetOrAdd(
        runId, id => new Book(FolderOf(id), mostBytes, (nodeId, source) => AttemptOf(id, nodeId, source)));

    private string FolderOf(RunId runId) => Path.Combine(ledger.PathOf(runId), "logs");

    // A line of the service does without its attempt rather than ask a database.
    private int? AttemptOf(RunId runId, string nodeId, LogSource source) =>
        source == LogSource.Service && ledger.State.IsShared ? null : AttemptOf(runId, nodeId);

    private int? AttemptOf(RunId runId, string nodeId) => ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
        .Where(intent => intent.Data.NodeName.NodeId == nodeId).Select(intent => (int?)intent.Data.Attempt)
        .FirstOrDefault();

    private static string PathOf(string folder, LogSource source, bool isOld = false) =>
        Path.Combine(folder, $"{WireName.Of(source)}{(isOld ? ".1" : "")}.jsonl");

    /// <summary>The files of a run. The newer of two is opened first: if it becomes the older one meanwhile, its lines
    /// are read twice, and dropped by their numbers, but never missed.</summary>
    private sealed class OpenFiles : IDisposable
    {
        private readonly (FileStream? New, FileStream? Old)[] _files;

        public OpenFiles(string folder) => _files =
        [
            .. Enum.GetValues<LogSource>().Select(source => (
                LogFile.TryOpen(PathOf(folder, source)), LogFile.TryOpen(PathOf(folder, source, isOld: true)))),
        ];

        public IEnumerable<LogLine> Backward() => Merged(
            [.. _files.Select(each => Both(each.New, each.Old, LogFile.Backward))], -1);

        public IEnumerable<LogLine> After(long sequence) => Merged(
            [.. _files.Select(each => Both(each.Old, each.New, file => LogFile.After(file, sequence)))], 1);

        public void Dispose()
        {
            foreach (var (newer, older) in _files)
            {
                newer?.Dispose();
                older?.Dispose();
            }
        }

        private static IEnumerable<LogLine> Both(
            FileStream? first, FileStream? second, Func<Stream, IEnumerable<LogLine>> read) =>
            new[] { first, second }.Where(file => file is not null).SelectMany(file => read(file!));

        /// <summary>Merges lines by their numbers, upwards (1) or downwards (-1).</summary>
        private static IEnumerable<LogLine> Merged(IReadOnlyList<IEnumerable<LogLine>> sources, int direction)
        {
            var open = sources.Select(source => source.GetEnumerator()).Where(each => each.MoveNext()).ToList();
            long? last = null;
            while (open.Count > 0)
            {
                var next = open.MinBy(each => direction * each.Current.Sequence)!;
                if (last is null || direction * (next.Current.Sequence - last) > 0)
                {
                    last = next.Current.Sequence;
                    yield return next.Current;
                }

                if (!next.MoveNext())
                {
                    open.Remove(next);
                }
            }
        }
    }

    /// <summary>Writes the lines of one run.</summary>
    private sealed class Book(string folder, long mostBytes, Func<string, LogSource, int?> attemptOf)
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, (string Boot, long Number)> _heard = new(StringComparer.Ordinal);
        private readonly HashSet<string> _refused = new(StringComparer.Ordinal);
        private readonly Dictionary<string, int> _attempts = new(StringComparer.Ordinal);
        private long? _last;
        private long _lost;

        public long Last()
        {
            lock (_lock)
            {
                return _last ??= Find();
            }
        }

        public void Append(IReadOnlyList<LogLine> lines)
        {
            lock (_lock)
            {
                TryWrite(lines);
            }
        }

        public (long Number, bool Again)? AppendOnce(string nodeId, string boot, IReadOnlyList<LogLine> lines)
        {
            lock (_lock)
            {
                if (!_heard.TryGetValue(nodeId, out var heard))
                {
                    heard = Heard(nodeId, boot);
                }

                var known = heard.Boot == boot ? heard.Number : 0;
                if (_refused.Remove(nodeId) && lines.FirstOrDefault(line => line.Number > known)?.Number > known + 1)
                {
                    // The refused lines come first. Only once: if the worker has dropped them meanwhile, they are lost.
                    return (known, Again: true);
                }

                var fresh = new List<LogLine>();
                foreach (var line in lines)
                {
                    if (line.Number > known)
                    {
                        known = line.Number.Value;
                        fresh.Add(line);
                    }
                }

                if (!TryWrite(fresh))
                {
                    _refused.Add(nodeId);
                    return null;
                }

                _heard[nodeId] = (boot, known);
                return (known, Again: false);
            }
        }

        /// <summary>Finds the last line that a worker of this start sent to an earlier service.</summary>
        private (string Boot, long Number) Heard(string nodeId, string boot)
        {
            using var open = new OpenFiles(folder);
            return open.Backward().FirstOrDefault(line => line.Node == nodeId && line.Boot == boot) is { } line
                ? (boot, line.Number ?? 0) : (boot, 0);
        }

        private bool TryWrite(IReadOnlyList<LogLine> lines)
        {
            if (lines.Count == 0)
            {
                return true;
            }

            try
            {
                var last = _last ??= Find();
                Directory.CreateDirectory(folder);
                using var text = new MemoryStream();
                if (_lost > 0)
                {
                    Put(text, lines[0] with
                    {
                        Sequence = ++last,
                        EventId = null,
                        Boot = null,
                        Number = null,
                        Level = LogSeverity.Warning,
                        Text = string.Create(
                            CultureInfo.InvariantCulture, $"({_lost} lines before this one could not be written)"),
                    });
                }

                foreach (var line in lines)
                {
                    Put(text, line with { Sequence = ++last, Attempt = line.Attempt ?? Attempt(line) });
                }

                Write(lines[0].Source, text);
                (_last, _lost) = (last, 0);
                return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The numbers may be on disk, in a half or a whole write.
                _lost += lines.Count;
                _last = null;
                return false;
            }
        }

        private void Write(LogSource source, MemoryStream text)
        {
            var path = PathOf(folder, source);
            var file = new FileInfo(path);
            if (file.Exists && file.Length > 0 && file.Length + text.Length > mostBytes)
            {
                File.Move(path, PathOf(folder, source, isOld: true), overwrite: true);
            }

            using var stream = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete,
                bufferSize: 0);

            // After a half-written line, of a service that ended in it.
            if (stream.Length > 0)
            {
                stream.Position = stream.Length - 1;
                if (stream.ReadByte() is not '\n')
                {
                    stream.WriteByte((byte)'\n');
                }
            }

            text.WriteTo(stream);
        }

        private static void Put(MemoryStream text, LogLine line)
        {
            JsonSerializer.Serialize(text, line, RunLedger.Json);
            text.WriteByte((byte)'\n');
        }

        private int? Attempt(LogLine line)
        {
            if (line.Node is not { } nodeId)
            {
                return null;
            }

            if (!_attempts.TryGetValue(nodeId, out var attempt) && attemptOf(nodeId, line.Source) is { } found)
            {
                _attempts[nodeId] = attempt = found;
            }

            return attempt == 0 ? null : attempt;
        }

        private long Find()
        {
            using var open = new OpenFiles(folder);
            return open.Backward().FirstOrDefault()?.Sequence ?? 0;
        }
    }
}
