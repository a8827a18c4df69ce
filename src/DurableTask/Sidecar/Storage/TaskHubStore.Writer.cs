namespace Workflows.DurableTask.Sidecar.Storage;

internal sealed partial class TaskHubStore
{
    private void WriteLoop()
    {
        using var statements = new WriterStatements(_writer);
        var group = new List<StoreBatch>();
        while (_batches.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            group.Clear();
            while (group.Count < MostBatchesInCommit && _batches.Reader.TryRead(out StoreBatch? batch))
            {
                group.Add(batch);
            }

            Commit(statements, group);
        }
    }

    private void Commit(WriterStatements statements, List<StoreBatch> group)
    {
        if (_fault is null)
        {
            try
            {
                if (group.Exists(batch => batch.Operations.Count > 0))
                {
                    long started = System.Diagnostics.Stopwatch.GetTimestamp();
                    _reach?.Invoke(FaultPoint.AfterEnqueueBeforeBegin);
                    statements.Run(group.SelectMany(batch => batch.Operations), _reach);
                    if (!_file.IsInPlace)
                    {
                        throw new TaskHubStoreException(
                            TaskHubStoreError.Io,
                            _path,
                            "it was moved, deleted or replaced while it was open. Put the file, with its -wal, back "
                            + "and start again, or restore both from a backup.");
                    }

                    _reach?.Invoke(FaultPoint.AfterCommitBeforeAnswer);
                    _instruments.Committed(started, group.Sum(batch => batch.Operations.Count));
                }
            }
            catch (Exception error)
            {
                // A boundary: memory is now ahead of the disk, so this store cannot continue. The log informs the
                // operator, every caller gets the error, and a restart begins from the data on disk.
                Fail(error as TaskHubStoreException ?? Translate(error, _path));
            }
        }

        foreach (StoreBatch batch in group)
        {
            if (_fault is null)
            {
                batch.Committed.ForEach(action => action());
                _reach?.Invoke(FaultPoint.AfterFirstAnswer);
            }
            else
            {
                batch.Failed.ForEach(action => action(_fault));
            }
        }
    }
}
