# The TPU emulator alone: gRPC on 8085, REST (for gcloud) on 8086, storage on 8087.
#   docker build -f infra/emulator.Dockerfile -t workflows-tpu-emulator .
#   docker run --rm -p 127.0.0.1:8085:8085 -p 127.0.0.1:8086:8086 workflows-tpu-emulator
# The worker lies beside it, for a service that shares its network (docker-compose.yml):
#   --worker="dotnet /app/worker/Workflows.TpuWorker.Host.dll"
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/GoogleCloud/TpuEmulator/Workflows.GoogleCloud.TpuEmulator.csproj -c Release -o /app \
    && dotnet publish src/TpuWorker/Host/Workflows.TpuWorker.Host.csproj -c Release -o /app/worker

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
RUN mkdir /data && chown $APP_UID /data
VOLUME /data
EXPOSE 8085 8086 8087
USER $APP_UID
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["dotnet", "Workflows.GoogleCloud.TpuEmulator.dll", "--health"]
ENTRYPOINT ["dotnet", "Workflows.GoogleCloud.TpuEmulator.dll", "--any-host=true", "--state=/data"]
