using System.CommandLine;
using Workflows.Cli.Commands;

var root = new RootCommand("Fine-tunes Gemma 3 for Korean-English translation on Cloud TPU: one request, one report.")
{
    RunCommand.Create(),
    WatchCommand.Create(),
    StatusCommand.Create(),
    ListCommand.Create(),
    CancelCommand.Create(),
    ReportCommand.Create(),
};

return await root.Parse(args).InvokeAsync();
