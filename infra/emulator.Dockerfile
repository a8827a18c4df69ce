# The TPU emulator alone: gRPC on 8085, REST (for gcloud) on 8086.
#   docker build -f infra/emulator.Dockerfile -t workflows-tpu-emulator .
#   docker run --rm -p 127.0.0.1:8085:8085 -p 127.0.0.1:8086:8086 workflows-tpu-emulator
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/GoogleCloud/TpuEmulator/Workflows.GoogleCloud.TpuEmulator.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
RUN mkdir /data && chown $APP_UID /data
VOLUME /data
EXPOSE 8085 8086
USER $APP_UID
ENTRYPOINT ["dotnet", "Workflows.GoogleCloud.TpuEmulator.dll", "--any-host=true", "--state=/data"]
