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
    /// <param name="language">The language.</param>
    public static void Write(
        RunReport report, TextWriter output, string options = "", Language language = Language.English)
    {
        var text = new StringWriter { NewLine = "\n" };
        Compose(report, text, options, new Words(language));
        output.Write(TerminalText.Of(text.ToString()).ReplaceLineEndings(output.NewLine));
        output.Flush();
    }

    private static void Compose(RunReport report, StringWriter output, string options, Words words)
    {
        output.WriteLine();
        foreach (var verdict in report.Verdicts)
        {
            Scores(verdict, output, words);
        }

        if (report.Training is { } training)
        {
            output.WriteLine(words.Of(
                $"  trained    {Counted.Of(training.Steps, "step")}, {training.Tokens} tokens at "
                + $"{training.TokensPerSecond:0}/s, loss {training.FirstLoss:0.000} to {training.FinalLoss:0.000}",
                $"  학습       {training.Steps}스텝, 토큰 {training.Tokens}개(초당 {training.TokensPerSecond:0}개), "
                + $"손실 {training.FirstLoss:0.000} → {training.FinalLoss:0.000}") + Method(training, words));
            foreach (var note in VerdictWording.ManyEpochs(training.Epochs, words.Language))
            {
                output.WriteLine(words.Of($"  note       {note}", $"  참고       {note}"));
            }
        }

        foreach (var stop in report.Stops ?? [])
        {
            var why = stop.Failure is { } failure ? $", {failure.Code}" : "";
            output.WriteLine(words.Of(
                $"  stopped    {WireName.Of(stop.Status)}{why} after "
                + $"{Counted.Of(stop.Step, "step")} and {stop.Usd:0.00} USD; resumed from step "
                + $"{stop.CheckpointStep ?? 0}",
                $"  중지       {words.Name(stop.Status)}{why}: {stop.Step}스텝, {stop.Usd:0.00} USD까지 진행한 뒤 "
                + $"{stop.CheckpointStep ?? 0}스텝부터 재개했습니다"));
        }

        foreach (var row in report.People ?? [])
        {
            output.WriteLine(words.Of($"  people     {row.Say(words)}", $"  결정       {row.Say(words)}"));
        }

        var skipped = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Skipped);
        var asked = report.Attempts.Count - skipped;
        var refused = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Refused);
        output.WriteLine(words.Of(
            $"  zones      {Counted.Of(asked, "attempt")}, {refused} refused"
            + $"{(skipped > 0 ? $", {skipped} not asked (refused lately)" : "")}, "
            + $"{Counted.Of(report.Recoveries.Count, "TPU")} lost on the way",
            $"  영역       시도 {asked}회, 거부 {refused}회"
            + $"{(skipped > 0 ? $", 최근에 거부되어 요청하지 않음 {skipped}회" : "")}, 도중에 잃은 TPU {report.Recoveries.Count}개"));
        output.WriteLine(words.Of(
            $"  cost       {report.Cost.Actual:0.00} USD (estimated {report.Cost.Estimated ?? 0:0.00}, budget "
            + $"{report.Cost.Budget:0.00}){(report.IsRehearsal ? ", at list price: a rehearsal costs nothing" : "")}",
            $"  비용       {report.Cost.Actual:0.00} USD(예상 {report.Cost.Estimated ?? 0:0.00}, 예산 "
            + $"{report.Cost.Budget:0.00}){(report.IsRehearsal ? ", 정가 기준이며 리허설에는 비용이 들지 않습니다" : "")}"));
        if (report.Cost is { Egress: { Usd: > 0 } egress } cost)
        {
            output.WriteLine(words.Of(
                $"  egress     {egress.Usd:0.00} USD, computed and not in the cost"
                + $"{(cost.EstimatedEgressUsd is { } expected ? $" (estimated {expected:0.00})" : "")}",
                $"  이그레스   {egress.Usd:0.00} USD, 계산한 값이며 비용에 포함되지 않음"
                + $"{(cost.EstimatedEgressUsd is { } guessed ? $"(예상 {guessed:0.00})" : "")}"));
        }

        if (report.Cost is { EstimatedHours: { } planned, ActualHours: { } hours })
        {
            output.WriteLine(words.Of(
                $"  time       {hours:0.000} h on TPUs (estimated {planned:0.000})",
                $"  시간       TPU {hours:0.000}시간(예상 {planned:0.000}시간)"));
        }

        if (report.Cost.Alternatives is { Count: > 0 } ways)
        {
            var (shortest, cheapest) = (ways[0], ways[^1]);
            if (shortest.IsShorter)
            {
                output.WriteLine(words.Of($"  shorter    {shortest.Say(words)}", $"  더 짧음    {shortest.Say(words)}"));
            }

            if (cheapest.IsCheaper)
            {
                output.WriteLine(words.Of($"  cheaper    {cheapest.Say(words)}", $"  더 저렴함  {cheapest.Say(words)}"));
            }
        }

        foreach (var price in TranslationPrice.Say(report.Cost.Translation, words))
        {
            var whose = report.IsRehearsal ? words.Of(", at this machine's rate", " (이 컴퓨터의 속도)") : "";
            output.WriteLine(words.Of($"  translate  {price}{whose}", $"  번역       {price}{whose}"));
        }

        if (report.Deadline is { } deadline)
        {
            output.WriteLine(words.Of(
                $"  deadline   {DeadlineText.Of(deadline)}", $"  기한       {DeadlineText.KoreanEnd(deadline)}"));
        }

        var gone = report.Teardown.Count(row => row.ConfirmedNotFound);
        output.WriteLine(words.Of(
            $"  left over  {Counted.Of(report.Teardown.Count - gone, "node")}; {gone} proved gone",
            $"  남은 노드  {report.Teardown.Count - gone}개, 삭제 확인 {gone}개"));
        output.WriteLine(words.Of(
            $"  report     {report.Artifacts.Page}",
            $"  보고서     {Path.Combine(Path.GetDirectoryName(report.Artifacts.Page) ?? "", ReportFiles.KoreanPage)}"));
        if (report.Artifacts.Checkpoint is { } checkpoint)
        {
            output.WriteLine(words.Of($"  model      {checkpoint}", $"  모델       {checkpoint}"));
        }

        output.WriteLine();
        output.WriteLine(LastLine(report, words));
        if (report.Resume is { } command)
        {
            output.WriteLine($"{words.Of("Resume it:  ", "이어가려면: ")}{command}{options}");
        }
    }

    private static void Scores(VerdictSection verdict, StringWriter output, Words words)
    {
        // A Hangul syllable takes two columns of a terminal.
        output.WriteLine(words.Of(
            $"             BLEU    chrF++   ({verdict.Direction.Code()}, "
            + $"{Counted.Of(verdict.TestPairs, "test sentence")})",
            $"                  BLEU    chrF++   ({verdict.Direction.Code()}, 테스트 문장 {verdict.TestPairs}개)"));
        output.WriteLine(
            words.Of("  base    ", "  기본 모델    ") + $"{verdict.Base.Bleu,7:0.00}   {verdict.Base.Chrf,7:0.00}");
        output.WriteLine(
            words.Of("  tuned   ", "  조정된 모델  ") + $"{verdict.Tuned.Bleu,7:0.00}   {verdict.Tuned.Chrf,7:0.00}");
        output.WriteLine($"  {verdict.Tuned.BleuSignature}");
        foreach (var note in verdict.Notes)
        {
            output.WriteLine($"  {words.Of("note", "참고")}       {NoteWords.Of(note, words)}");
        }

        foreach (var example in verdict.Examples.Take(3))
        {
            output.WriteLine();
            output.WriteLine(words.Of("  source     ", "  원문         ") + example.Source);
            output.WriteLine(words.Of("  reference  ", "  참조 번역    ") + example.Reference);
            output.WriteLine(words.Of("  base       ", "  기본 모델    ") + example.Base);
            output.WriteLine(words.Of("  tuned      ", "  조정된 모델  ") + example.Tuned);
        }

        output.WriteLine();
    }

    private static string Method(TrainingSection training, Words words) => training switch
    {
        { Method: "lora", TrainedParameters: { } trained } => words.Of(
            $", an adapter of {trained} weights", $", 어댑터 가중치 {trained}개"),
        _ => "",
    } + (training.Epochs is { } epochs ? words.Of($", {epochs:0.0} passes", $", {epochs:0.0}에포크") : "")
        + (training.StoppedEarly ? words.Of(", stopped early", ", 조기 중단") : "")
        + (training.FinishedEarly ? words.Of(", ended early by a person", ", 사람이 조기 종료") : "")
        + (training.OutputStep is { } step && step != training.Steps
            ? words.Of($"; kept step {step}", $", {step}스텝의 가중치를 사용") : "");

    private static string LastLine(RunReport report, Words words) => report switch
    {
        { Status: RunStatus.Succeeded, Verdicts.Count: > 1 } =>
            string.Join(" ", report.Verdicts.Select(
                verdict => $"{verdict.Direction.Code()}: {VerdictWording.Of(verdict, words)}"))
            + CostOf(report, words),
        { Status: RunStatus.Succeeded, Verdict: { } verdict } =>
            VerdictWording.Of(verdict, words) + CostOf(report, words),
        { Failure: { } failure } => FailureText.Of(failure, words),
        { IsDraft: true } =>
            words.Of(
                $"Run {report.RunId} is {WireName.Of(report.Status)}; its nodes are still being given back.",
                $"실행 {report.RunId}: {words.Name(report.Status)}. 노드를 아직 반납하고 있습니다."),
        _ => words.Of(
            $"Run {report.RunId} is {WireName.Of(report.Status)}; everything was given back.",
            $"실행 {report.RunId}: {words.Name(report.Status)}. 모든 리소스를 반납했습니다."),
    };

    private static string CostOf(RunReport report, Words words) =>
        words.Of($" Cost: {report.Cost.Actual:0.00} USD.", $" 비용: {report.Cost.Actual:0.00} USD.");
}
