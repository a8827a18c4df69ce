using System.Diagnostics;
using System.Globalization;
using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Output;

// Compares policies that get TPUs on a spot market:
//   dotnet run -c Release --project bench/Capacity -- [--traces FILE] [--seed N] [--begins N] [--out FOLDER]
//     [--zones 1,3] [--slacks 1.1,2] [--restarts 60] [--policies "this product,Greedy"]
//     [--notice 30]
// Without --traces, or WORKFLOWS_SPOT_TRACES, the traces are generated.
var options = new Dictionary<string, string>(StringComparer.Ordinal)
{
    ["--traces"] = Environment.GetEnvironmentVariable("WORKFLOWS_SPOT_TRACES") ?? "",
    ["--seed"] = "1",
    ["--begins"] = "4",
    ["--out"] = ".",
    ["--zones"] = "",
    ["--slacks"] = "",
    ["--restarts"] = "",
    ["--policies"] = "",
    ["--notice"] = "30",
};
for (var index = 0; index < args.Length; index += 2)
{
    if (!options.ContainsKey(args[index]) || index + 1 == args.Length)
    {
        await Console.Error.WriteLineAsync(
            $"'{args[index]}' is no option with a value; use {string.Join(", ", options.Keys)}.");
        return 2;
    }

    options[args[index]] = args[index + 1];
}

if (!int.TryParse(options["--seed"], CultureInfo.InvariantCulture, out var seed)
    || !int.TryParse(options["--begins"], CultureInfo.InvariantCulture, out var begins) || begins is < 1 or > 1000)
{
    await Console.Error.WriteLineAsync("--seed is a whole number, and --begins one from 1 to 1000.");
    return 2;
}

if (!double.TryParse(options["--notice"], CultureInfo.InvariantCulture, out var notice)
    || notice is not (>= 0 and <= 600))
{
    await Console.Error.WriteLineAsync("--notice is in seconds, 0 to 600; 0 tells nodes nothing.");
    return 2;
}

try
{
    var watch = Stopwatch.StartNew();
    var traces = options["--traces"] is { Length: > 0 } path
        ? TraceFile.Read(path) : TraceGenerator.Generate(TraceGenerator.Measured, 45, seed);
    if (traces.Count < TraceGenerator.Measured.Count)
    {
        throw new TraceException(
            $"The file has {traces.Count} zones; the comparison needs {TraceGenerator.Measured.Count}.");
    }

    var part = new ComparisonPart(
        begins,
        Numbers("--zones", Comparison.Sets.Select(set => (double)set.Count)), Numbers("--slacks", Comparison.Slacks),
        Numbers("--restarts", Comparison.Restarts), Listed("--policies", Comparison.Policies))
    {
        Notice = notice,
    };
    var rows = await Comparison.RunAsync(SpotWorld.Priced(traces), part);
    var folder = Directory.CreateDirectory(options["--out"]).FullName;
    await File.WriteAllTextAsync(Path.Combine(folder, "capacity.csv"), ComparisonTable.Csv(rows));
    await File.WriteAllTextAsync(Path.Combine(folder, "capacity.svg"), ComparisonPlot.Svg(rows));
    Console.WriteLine(ComparisonTable.Markdown(rows));
    Console.WriteLine(ComparisonTable.Where(rows));
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{rows.Count} jobs in {watch.Elapsed.TotalSeconds:0} s; capacity.csv and capacity.svg are in {folder}."));
    return 0;
}
catch (Exception exception) when (exception is TraceException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

IReadOnlyList<double> Numbers(string option, IEnumerable<double> known) =>
[
    .. Listed(option, [.. known.Select(each => each.ToString(CultureInfo.InvariantCulture))])
        .Select(each => double.Parse(each, CultureInfo.InvariantCulture)),
];

IReadOnlyList<string> Listed(string option, IReadOnlyList<string> known)
{
    string[] wanted = options[option].Split(
        ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    return wanted.FirstOrDefault(each => !known.Contains(each)) is { } other
        ? throw new TraceException($"{option} has '{other}'; use some of: {string.Join(", ", known)}.") : wanted;
}
