using System.Diagnostics;
using System.Globalization;

namespace Workflows.DurableTask.Bench;

/// <summary>Rounds of all contestants in turn: whatever else the machine does meets all of them alike.</summary>
internal static class Comparison
{
    public static async Task RunAsync(int count, int inFlight, int activities, int rounds, int warmUp)
    {
        Contestant[] all =
        [
            // In one process, too, the official in-memory engine is reached by gRPC only.
            new("peer, one process (gRPC on loopback)", "peer", activities),
            new("ours, one process (calls in process)", "inprocess", activities),
            new("peer, two processes", "peer-child", activities),
            new("ours, two processes", "child", activities),
        ];
        for (int round = 1 - warmUp; round <= rounds; round++)
        {
            foreach (Contestant contestant in all)
            {
                Round figures = await contestant.RunAsync(count, inFlight, isCounted: round > 0);
                string name = round > 0 ? $"round {round}" : "warm-up";
                Console.WriteLine($"{contestant.Name,-36} {name}: {figures}");
            }
        }

        Console.WriteLine($"{inFlight} in flight, {count} orchestrations of {activities} activities, medians:");
        foreach (Contestant contestant in all)
        {
            Console.WriteLine($"{contestant.Name,-36} {contestant.Median()}   ({contestant.Range()})");
        }

        Compare(all[0], all[1]);
        Compare(all[2], all[3]);
        foreach (Contestant contestant in all)
        {
            await contestant.StopAsync();
        }
    }

    private static void Compare(Contestant peer, Contestant ours)
    {
        Round theirs = peer.Median();
        Round own = ours.Median();
        Console.WriteLine($"{ours.Name} : {peer.Name} = {own.PerSecond / theirs.PerSecond:F2} times the rate, "
            + $"{own.ProcessorSeconds / theirs.ProcessorSeconds:F2} times the processor time");
    }

    private sealed class Contestant
    {
        private readonly Process _process;
        private readonly List<Round> _rounds = [];

        public Contestant(string name, string engine, int activities)
        {
            Name = name;
            _process = Process.Start(new ProcessStartInfo("dotnet")
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                ArgumentList =
                {
                    Environment.GetCommandLineArgs()[0], "--engine", engine, "--activities", $"{activities}",
                    "--on-demand",
                },
            })!;
        }

        public string Name { get; }

        public async Task<Round> RunAsync(int count, int inFlight, bool isCounted)
        {
            await _process.StandardInput.WriteLineAsync($"{count} {inFlight}");
            await _process.StandardInput.FlushAsync();
            while (true)
            {
                string line = await _process.StandardOutput.ReadLineAsync()
                    ?? throw new InvalidOperationException($"'{Name}' ended in the middle of a round.");
                if (!line.StartsWith("round ", StringComparison.Ordinal))
                {
                    continue;
                }

                double[] figures =
                [
                    .. line.Split(' ')[1..].Select(word => double.Parse(word, CultureInfo.InvariantCulture)),
                ];
                var round = new Round(figures[0], figures[1], figures[2], figures[3]);
                if (isCounted)
                {
                    _rounds.Add(round);
                }

                return round;
            }
        }

        public Round Median() => new(
            Middle(round => round.PerSecond), Middle(round => round.P50), Middle(round => round.P99),
            Middle(round => round.ProcessorSeconds));

        public string Range() =>
            $"{_rounds.Min(round => round.PerSecond):F0} to {_rounds.Max(round => round.PerSecond):F0}/s, "
            + $"{_rounds.Min(round => round.ProcessorSeconds):F2} to "
            + $"{_rounds.Max(round => round.ProcessorSeconds):F2} CPU-s";

        /// <summary>Its standard input ends, and with it the program.</summary>
        public async Task StopAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        private double Middle(Func<Round, double> figure) =>
            _rounds.Select(figure).Order().ElementAt(_rounds.Count / 2);
    }
}
