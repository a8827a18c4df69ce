using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Cli.Watching;

/// <summary>Formats the end of a run, for people.</summary>
internal static class VerdictText
{
    /// <param name="report">The report.</param>
    /// <param name="output">Receives the text.</param>
    /// <param name="options">Options with which a further command finds the run, after a space; empty for none.</param>
    public static void Write(RunReport report, TextWriter output, string options = "")
    {
        var text = new StringWriter { NewLine = "\n" };
        Compose(report, text, options);
        output.Write(TerminalText.Of(text.ToString()).ReplaceLineEndings(output.NewLine));
        output.Flush();
    }

    private static void Compose(RunReport report, StringWriter output, string options)
    {
        output.WriteLine();
        foreach (var verdict in report.Verdicts)
        {
            Scores(verdict, output);
        }

        if (report.Training is { } training)
        {
            output.WriteLine(
                $"  trained    {Counted.Of(training.Steps, "step")}, {training.Tokens} tokens at "
                + $"{training.TokensPerSecond:0}/s, loss {training.FirstLoss:0.000} to {training.FinalLoss:0.000}"
                + $"{Method(training)}");
            foreach (var note in VerdictWording.ManyEpochs(training.Epochs))
            {
                output.WriteLine($"  note       {note}");
            }
        }

        foreach (var stop in report.Stops ?? [])
        {
            output.WriteLine(
                $"  stopped    {WireName.Of(stop.Status)}{(stop.Failure is { } why ? $", {why.Code}" : "")} after "
                + $"{Counted.Of(stop.Step, "step")} and {stop.Usd:0.00} USD; resumed from step "
                + $"{stop.CheckpointStep ?? 0}");
        }

        var skipped = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Skipped);
        var asked = report.Attempts.Count - skipped;
        var refused = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Refused);
        output.WriteLine(
            $"  zones      {Counted.Of(asked, "attempt")}, {refused} refused"
            + $"{(skipped > 0 ? $", {skipped} not asked (refused lately)" : "")}, "
            + $"{Counted.Of(report.Recoveries.Count, "TPU")} lost on the way");
        output.WriteLine(
            $"  cost       {report.Cost.Actual:0.00} USD (estimated {report.Cost.Estimated ?? 0:0.00}, budget "
            + $"{report.Cost.Budget:0.00}){(report.IsRehearsal ? ", at list price: a rehearsal costs nothing" : "")}");
        if (report.Cost is { EstimatedHours: { } planned, ActualHours: { } hours })
        {
            output.WriteLine($"  time       {hours:0.000} h on TPUs (estimated {planned:0.000})");
        }

        if (report.Deadline is { } deadline)
        {
            output.WriteLine($"  deadline   {DeadlineText.Of(deadline)}");
        }

        output.WriteLine(
            $"  left over  {Counted.Of(report.Teardown.Count(row => !row.ConfirmedNotFound), "node")}; "
            + $"{report.Teardown.Count(row => row.ConfirmedNotFound)} proved gone");
        output.WriteLine($"  report     {report.Artifacts.Page}");
        if (report.Artifacts.Checkpoint is { } checkpoint)
        {
            output.WriteLine($"  model      {checkpoint}");
        }

        output.WriteLine();
        output.WriteLine(LastLine(report));
        if (report.Resume is { } command)
        {
            output.WriteLine($"Resume it:  {command}{options}");
        }
    }

    private static void Scores(VerdictSection verdict, StringWriter output)
    {
        output.WriteLine(
            $"             BLEU    chrF++   ({verdict.Direction.Code()}, "
            + $"{Counted.Of(verdict.TestPairs, "test sentence")})");
        output.WriteLine($"  base    {verdict.Base.Bleu,7:0.00}   {verdict.Base.Chrf,7:0.00}");
        output.WriteLine($"  tuned   {verdict.Tuned.Bleu,7:0.00}   {verdict.Tuned.Chrf,7:0.00}");
        output.WriteLine($"  {verdict.Tuned.BleuSignature}");
        foreach (var note in verdict.Notes)
        {
            output.WriteLine($"  note       {note}");
        }

        foreach (var example in verdict.Examples.Take(3))
        {
            output.WriteLine();
            output.WriteLine($"  source     {example.Source}");
            output.WriteLine($"  reference  {example.Reference}");
            output.WriteLine($"  base       {example.Base}");
            output.WriteLine($"  tuned      {example.Tuned}");
        }

        output.WriteLine();
    }

    private static string Method(TrainingSection training) => training switch
    {
        { Method: "lora", TrainedParameters: { } trained } => $", an adapter of {trained} weights",
        _ => "",
    } + (training.Epochs is { } epochs ? $", {epochs:0.0} passes" : "")
        + (training.StoppedEarly ? ", stopped early" : "")
        + (training.OutputStep is { } step && step != training.Steps ? $"; kept step {step}" : "");

    private static string LastLine(RunReport report) => report switch
    {
        { Status: RunStatus.Succeeded, Verdicts.Count: > 1 } =>
            string.Join(" ", report.Verdicts.Select(verdict => $"{verdict.Direction.Code()}: {verdict.Summary}"))
            + $" Cost: {report.Cost.Actual:0.00} USD.",
        { Status: RunStatus.Succeeded, Verdict: { } verdict } =>
            $"{verdict.Summary} Cost: {report.Cost.Actual:0.00} USD.",
        { Failure: { } failure } => $"Failed: {failure.Code}: {failure.Message}\n{failure.Fix}",
        { IsDraft: true } =>
            $"Run {report.RunId} is {WireName.Of(report.Status)}; its nodes are still being given back.",
        _ => $"Run {report.RunId} is {WireName.Of(report.Status)}; everything was given back.",
    };
}
