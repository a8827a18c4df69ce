using System.CommandLine;
using System.CommandLine.Invocation;
using Workflows.Cli;
using Workflows.Cli.Commands;

var root = new RootCommand("Fine-tunes Gemma 3 for Korean-English translation on Cloud TPU: one request, one report.")
{
    RunCommand.Create(),
    WatchCommand.Create(),
    StatusCommand.Create(),
    ListCommand.Create(),
    CancelCommand.Create(),
    ReportCommand.Create(),
    TranslateCommand.Create(),
    ScoreCommand.Create(),
};

var parsed = root.Parse(args);
var code = await parsed.InvokeAsync();
return parsed.Action is ParseErrorAction ? ExitCodes.Invalid : code;
